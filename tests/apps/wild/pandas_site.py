"""pandas: a table is uploaded as CSV, grouped, merged and given back; its own example as CSV by GET."""

import io
from urllib.parse import parse_qs

import pandas

RATES = pandas.DataFrame({"currency": ["EUR", "USD"], "rate": [1.0, 0.5]})


def totals(file):
    sales = pandas.read_csv(file, parse_dates=["day"]).merge(RATES, on="currency")
    sales["value"] = sales["amount"] * sales["rate"]
    return sales.groupby(sales["day"].dt.strftime("%Y-%m"))["value"].agg(["sum", "count"]).to_json(orient="index")


def days(count):
    frame = pandas.DataFrame({"day": pandas.date_range("2024-02-27", periods=count), "number": range(count)})
    return frame.to_csv(index=False)


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        kind, body = "application/json", totals(io.BytesIO(environ["wsgi.input"].read()))
    else:
        kind, body = "text/csv", days(int(parse_qs(environ["QUERY_STRING"])["count"][0]))
    start_response("200 OK", [("Content-Type", kind)])
    return [body.encode()]
