// The least that a correct server has to do for a small WSGI response.
//
//     appd_floor WIRE SOCKET-PATH MODULE:CALLABLE
//
// It accepts, reads, builds the environ, calls, sends, and closes where the wire closes. It has one
// thread, which holds the interpreter for ever, no limits, no logs, and no memory of what went
// wrong. It is the limit that servers are compared with, not a server: a request must arrive with
// one read and its response fit one buffer. Otherwise it writes an error to stderr and closes the
// connection.
//
// WIRE: fastcgi-kept, fastcgi, uwsgi, scgi. The module is searched in the working directory first.

#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct {
  const char* at;
  size_t size;
} Bytes;

typedef enum { FASTCGI, UWSGI, SCGI } Format;

static Format format;
static bool keeps_connections;
static PyObject* application;

static _Noreturn void die(const char* why, ...) {
  va_list arguments;
  va_start(arguments, why);
  fputs("appd_floor: ", stderr);
  vfprintf(stderr, why, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  if (PyErr_Occurred()) PyErr_Print();
  exit(1);
}

/// Takes `size` bytes off the front of `from`; if there are not as many, none, and `at` is null.
static Bytes take(Bytes* from, size_t size) {
  if (from->size < size) return (Bytes){NULL, 0};
  const Bytes front = {from->at, size};
  from->at += size;
  from->size -= size;
  return front;
}

// How the environ is made

/// The name and the value that came last at each place of a request. Equal ones are used again;
/// nothing else is taken from one request to the next.
enum { PLACES = 128 };
static struct {
  PyObject* name;
  PyObject* value;
} last[PLACES];

static PyObject* environ_base;

static bool holds(PyObject* text, Bytes bytes) {
  return text && (size_t)PyUnicode_GET_LENGTH(text) == bytes.size &&
         memcmp(PyUnicode_1BYTE_DATA(text), bytes.at, bytes.size) == 0;
}

static PyObject* make_text(Bytes bytes) {
  return PyUnicode_DecodeLatin1(bytes.at, (Py_ssize_t)bytes.size, NULL);
}

static void put_variable(PyObject* variables, unsigned place, Bytes name, Bytes value) {
  place %= PLACES;
  if (!holds(last[place].name, name)) {
    PyObject* made = make_text(name);
    PyUnicode_InternInPlace(&made);
    Py_XSETREF(last[place].name, made);
  }
  if (!holds(last[place].value, value)) Py_XSETREF(last[place].value, make_text(value));
  PyDict_SetItem(variables, last[place].name, last[place].value);
}

static void put_base(const char* name, PyObject* value) {
  if (!value || PyDict_SetItemString(environ_base, name, value) < 0) die("no %s", name);
  Py_DECREF(value);
}

/// What each environ begins with. CPython copies a dict with its spare room if two thirds of its
/// entries are in use, so some are made and taken out again: the copies then need not grow.
static void make_environ_base(void) {
  environ_base = PyDict_New();
  put_base("wsgi.version", Py_BuildValue("(ii)", 1, 0));
  put_base("wsgi.url_scheme", PyUnicode_InternFromString("http"));
  PyObject* io = PyImport_ImportModule("io");
  put_base("wsgi.input", io ? PyObject_CallMethod(io, "BytesIO", NULL) : NULL);
  Py_XDECREF(io);
  put_base("wsgi.errors", Py_XNewRef(PySys_GetObject("stderr")));
  put_base("wsgi.multithread", PyBool_FromLong(0));
  put_base("wsgi.multiprocess", PyBool_FromLong(0));
  put_base("wsgi.run_once", PyBool_FromLong(0));
  // Every request brings these.
  static const char* const always[] = {"QUERY_STRING", "REQUEST_METHOD",  "REQUEST_URI",
                                       "PATH_INFO",    "SERVER_PROTOCOL", "SERVER_NAME",
                                       "SERVER_PORT",  "REMOTE_ADDR"};
  for (size_t i = 0; i < sizeof always / sizeof *always; ++i) {
    PyObject* name = PyUnicode_InternFromString(always[i]);
    PyDict_SetItem(environ_base, name, name);
    Py_DECREF(name);
  }
  enum { ENTRIES_OF_A_LARGE_TABLE = 22 };
  char filler[] = "filler a";
  while (PyDict_GET_SIZE(environ_base) < ENTRIES_OF_A_LARGE_TABLE) {
    put_base(filler, Py_NewRef(Py_None));
    ++filler[sizeof filler - 2];
  }
  while (--filler[sizeof filler - 2] >= 'a') PyDict_DelItemString(environ_base, filler);
}

// How a request is read: its bytes become variables; false if they are no whole request

static size_t big_endian(const char* at, unsigned size) {
  size_t value = 0;
  for (unsigned i = 0; i < size; ++i) value = value << 8 | (unsigned char)at[i];
  return value;
}

static size_t little_endian16(const char* at) {
  return (size_t)((unsigned char)at[0] | (unsigned char)at[1] << 8);
}

static bool take_fastcgi_length(Bytes* from, size_t* length) {
  const bool is_long = from->size > 0 && (unsigned char)*from->at >> 7;
  const Bytes bytes = take(from, is_long ? 4 : 1);
  if (!bytes.at) return false;
  *length = is_long ? big_endian(bytes.at, 4) & 0x7fffffff : (unsigned char)*bytes.at;
  return true;
}

static bool read_fastcgi_pairs(Bytes pairs, PyObject* variables) {
  for (unsigned place = 0; pairs.size > 0; ++place) {
    size_t name_size = 0;
    size_t value_size = 0;
    if (!take_fastcgi_length(&pairs, &name_size) || !take_fastcgi_length(&pairs, &value_size)) {
      return false;
    }
    const Bytes name = take(&pairs, name_size);
    const Bytes value = take(&pairs, value_size);
    if (!name.at || !value.at) return false;
    put_variable(variables, place, name, value);
  }
  return true;
}

enum { RECORD_HEADER = 8, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

static bool read_fastcgi(Bytes from, PyObject* variables) {
  for (;;) {
    const Bytes header = take(&from, RECORD_HEADER);
    if (!header.at) return false;
    const Bytes content = take(&from, big_endian(header.at + 4, 2));
    const Bytes padding = take(&from, (unsigned char)header.at[6]);
    if (!content.at || !padding.at) return false;
    if (header.at[1] == PARAMS && !read_fastcgi_pairs(content, variables)) return false;
    if (header.at[1] == STDIN && content.size == 0) return true;
  }
}

static bool read_uwsgi(Bytes from, PyObject* variables) {
  const Bytes header = take(&from, 4);
  if (!header.at || little_endian16(header.at + 1) != from.size) return false;
  for (unsigned place = 0; from.size > 0; ++place) {
    const Bytes name_size = take(&from, 2);
    if (!name_size.at) return false;
    const Bytes name = take(&from, little_endian16(name_size.at));
    const Bytes value_size = take(&from, 2);
    if (!name.at || !value_size.at) return false;
    const Bytes value = take(&from, little_endian16(value_size.at));
    if (!value.at) return false;
    put_variable(variables, place, name, value);
  }
  return true;
}

static Bytes take_terminated(Bytes* from) {
  const char* end = memchr(from->at, 0, from->size);
  if (!end) return (Bytes){NULL, 0};
  const Bytes text = take(from, (size_t)(end - from->at));
  take(from, 1);
  return text;
}

static bool read_scgi(Bytes from, PyObject* variables) {
  size_t size = 0;
  while (from.size > 0 && *from.at >= '0' && *from.at <= '9') {
    size = size * 10 + (size_t)(*take(&from, 1).at - '0');
  }
  if (from.size != size + 2) return false;  // ':' before, ',' behind
  take(&from, 1);
  --from.size;
  for (unsigned place = 0; from.size > 0; ++place) {
    const Bytes name = take_terminated(&from);
    const Bytes value = name.at ? take_terminated(&from) : name;
    if (!value.at) return false;
    put_variable(variables, place, name, value);
  }
  return true;
}

static bool read_request(Bytes from, PyObject* variables) {
  switch (format) {
    case FASTCGI:
      return read_fastcgi(from, variables);
    case UWSGI:
      return read_uwsgi(from, variables);
    case SCGI:
      return read_scgi(from, variables);
  }
  return false;
}

// How the application is called and its response made

/// The response as it is sent: record header (FastCGI only) | head | body | closing records
/// (FastCGI only)
enum { LARGEST_CONTENT = 65535, CLOSING_RECORDS = 24 };
static char response[RECORD_HEADER + LARGEST_CONTENT + CLOSING_RECORDS];
static size_t response_size;

static bool put_bytes(const void* from, size_t size) {
  if (response_size + size > sizeof response - CLOSING_RECORDS) {
    PyErr_SetString(PyExc_ValueError, "the response is too large");
    return false;
  }
  memcpy(response + response_size, from, size);
  response_size += size;
  return true;
}

#define PUT_LITERAL(text) put_bytes(text, sizeof(text) - 1)

static bool put_text(PyObject* text) {
  if (!PyUnicode_Check(text) || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) {
    PyErr_SetString(PyExc_TypeError, "status and headers must be native strings");
    return false;
  }
  return put_bytes(PyUnicode_1BYTE_DATA(text), (size_t)PyUnicode_GET_LENGTH(text));
}

static bool put_header(PyObject* header) {
  if (!PyTuple_Check(header) || PyTuple_GET_SIZE(header) != 2) {
    PyErr_SetString(PyExc_TypeError, "a header must be a tuple of two");
    return false;
  }
  return put_text(PyTuple_GET_ITEM(header, 0)) && PUT_LITERAL(": ") &&
         put_text(PyTuple_GET_ITEM(header, 1)) && PUT_LITERAL("\r\n");
}

static PyObject* write_body(PyObject* Py_UNUSED(self), PyObject* Py_UNUSED(bytes)) {
  PyErr_SetString(PyExc_NotImplementedError, "write()");
  return NULL;
}

static PyMethodDef write_definition = {"write", write_body, METH_O, NULL};
static PyObject* write_function;

static PyObject* start_response(PyObject* Py_UNUSED(self), PyObject* const* arguments,
                                Py_ssize_t count) {
  if (count < 2 || !PyList_Check(arguments[1])) {
    PyErr_SetString(PyExc_TypeError, "start_response(status, headers) with a list of headers");
    return NULL;
  }
  response_size = format == FASTCGI ? RECORD_HEADER : 0;
  const bool named = format == UWSGI ? PUT_LITERAL("HTTP/1.1 ") : PUT_LITERAL("Status: ");
  if (!named || !put_text(arguments[0]) || !PUT_LITERAL("\r\n")) return NULL;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(arguments[1]); ++i) {
    if (!put_header(PyList_GET_ITEM(arguments[1], i))) return NULL;
  }
  return PUT_LITERAL("\r\n") ? Py_NewRef(write_function) : NULL;
}

static PyMethodDef start_response_definition = {
    "start_response", (PyCFunction)(void (*)(void))start_response, METH_FASTCALL, NULL};
static PyObject* start_response_function;

static bool put_block(PyObject* block) {
  if (!PyBytes_Check(block)) {
    PyErr_SetString(PyExc_TypeError, "a block of the body must be bytes");
    return false;
  }
  return put_bytes(PyBytes_AS_STRING(block), (size_t)PyBytes_GET_SIZE(block));
}

/// Any iterable but a list, and its close().
static bool put_iterable(PyObject* body) {
  PyObject* blocks = PySequence_List(body);
  bool good = blocks != NULL;
  for (Py_ssize_t i = 0; good && i < PyList_GET_SIZE(blocks); ++i) {
    good = put_block(PyList_GET_ITEM(blocks, i));
  }
  Py_XDECREF(blocks);
  if (good && PyObject_HasAttrString(body, "close")) {
    PyObject* closed = PyObject_CallMethod(body, "close", NULL);
    good = closed != NULL;
    Py_XDECREF(closed);
  }
  return good;
}

static bool put_body(PyObject* body) {
  if (PyList_CheckExact(body) && PyList_GET_SIZE(body) == 1) {
    return put_block(PyList_GET_ITEM(body, 0));
  }
  return put_iterable(body);
}

static void frame_response(void) {
  const size_t size = response_size - RECORD_HEADER;
  const char header[RECORD_HEADER] = {1, STDOUT, 0, 1, (char)(size >> 8), (char)size};
  memcpy(response, header, sizeof header);
  static const char closing[CLOSING_RECORDS] = {1, STDOUT, 0,           1, 0, 0, 0,
                                                0, 1,      END_REQUEST, 0, 1, 0, 8};
  memcpy(response + response_size, closing, sizeof closing);
  response_size += sizeof closing;
}

/// False, with a Python error, if the application fails.
static bool make_response(PyObject* variables) {
  response_size = 0;
  PyObject* arguments[] = {variables, start_response_function};
  PyObject* body = PyObject_Vectorcall(application, arguments, 2, NULL);
  if (!body) return false;
  const bool good = put_body(body);
  Py_DECREF(body);
  if (good && format == FASTCGI) frame_response();
  return good;
}

// How connections are served

static bool answer_request(int connection, Bytes request) {
  PyObject* variables = PyDict_Copy(environ_base);
  bool good = variables && read_request(request, variables) && make_response(variables);
  Py_XDECREF(variables);
  if (!good) {
    fputs("appd_floor: a request was given up\n", stderr);
    if (PyErr_Occurred()) PyErr_Print();
    return false;
  }
  return send(connection, response, response_size, MSG_NOSIGNAL) == (ssize_t)response_size;
}

/// Serves the request that has come, if any. Returns false if the connection waits for the next
/// one.
static bool serve(int connection) {
  static char input[65536];
  const ssize_t size = recv(connection, input, sizeof input, 0);
  if (size < 0 && errno == EAGAIN) return false;
  const bool good = size > 0 && answer_request(connection, (Bytes){input, (size_t)size});
  if (good && keeps_connections) return false;
  close(connection);
  return true;
}

static void watch(int poll, int descriptor, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = descriptor};
  if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

/// The request's bytes often are there when its connection is accepted: then it need not be
/// watched.
static void accept_all(int poll, int listener) {
  int connection;
  while ((connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    if (!serve(connection)) watch(poll, connection, EPOLLIN | EPOLLET);
  }
}

static void run(int listener) {
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  watch(poll, listener, EPOLLIN);
  for (;;) {
    struct epoll_event events[64];
    const int count = epoll_wait(poll, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == listener) {
        accept_all(poll, listener);
      } else {
        serve(events[i].data.fd);
      }
    }
  }
}

// How it starts

static int open_listener(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) die("%s is too long for a socket", path);
  strcpy(address.sun_path, path);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  unlink(path);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) < 0 ||
      listen(listener, 4096) < 0) {
    die("%s: %s", path, strerror(errno));
  }
  return listener;
}

static void parse_wire(const char* wire) {
  keeps_connections = strcmp(wire, "fastcgi-kept") == 0;
  if (keeps_connections || strcmp(wire, "fastcgi") == 0) {
    format = FASTCGI;
  } else if (strcmp(wire, "uwsgi") == 0) {
    format = UWSGI;
  } else if (strcmp(wire, "scgi") == 0) {
    format = SCGI;
  } else {
    die("%s is no wire: fastcgi-kept, fastcgi, uwsgi, scgi", wire);
  }
}

static PyObject* load_application(char* name) {
  char* colon = strchr(name, ':');
  if (!colon) die("%s is not MODULE:CALLABLE", name);
  *colon = 0;
  PyObject* module = PyImport_ImportModule(name);
  PyObject* found = module ? PyObject_GetAttrString(module, colon + 1) : NULL;
  if (!found) die("no application");
  Py_DECREF(module);
  return found;
}

int main(int argc, char** argv) {
  if (argc != 4) die("WIRE SOCKET-PATH MODULE:CALLABLE are needed");
  parse_wire(argv[1]);
  Py_InitializeEx(0);
  PyRun_SimpleString("import sys; sys.path.insert(0, '')");
  make_environ_base();
  write_function = PyCFunction_New(&write_definition, NULL);
  start_response_function = PyCFunction_New(&start_response_definition, NULL);
  application = load_application(argv[3]);
  run(open_listener(argv[2]));
}
