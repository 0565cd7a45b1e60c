"""OpenTelemetry: a span for each request and one within, by a batch processor that writes lines of JSON to a file.

The processor's thread is started at import; what it has not written is written at the end of the process.
"""

import json
import os

from opentelemetry import trace
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter


def line(span):
    return json.dumps({"name": span.name, "trace": f"{span.context.trace_id:x}", "parent": span.parent is not None,
                       "seed": span.attributes.get("seed"), "pid": os.getpid()}) + "\n"


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(
    ConsoleSpanExporter(out=open(os.environ["PROBE_DIR"] + "/spans", "a"), formatter=line)))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer(__name__)


def page(environ, start_response):
    with tracer.start_as_current_span("work") as span:
        span.set_attribute("seed", environ["QUERY_STRING"])
        body = environ["wsgi.input"].read()
        trace_id = f"{span.get_span_context().trace_id:x}"
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"trace": trace_id, "size": len(body)}).encode()]


application = OpenTelemetryMiddleware(page)
