"""All defects: one line broken each, as a tired engineer might."""

from first_choice import FIRST_CHOICE
from http_clients import HTTP_CLIENTS
from once_unnoticed import ONCE_UNNOTICED
from second_choice import SECOND_CHOICE
from worker_programs import WORKER_PROGRAMS

MUTANTS = ONCE_UNNOTICED + FIRST_CHOICE + SECOND_CHOICE + WORKER_PROGRAMS + HTTP_CLIENTS
