"""Runs the SQL of warehouses on DuckDB: one JSON request a line, one answer a line."""
import datetime
import decimal
import json
import os
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # whatever else prints does not mix with the answers


def cell(v):
    if v is None:
        return None
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, float):
        return str(int(v)) if v.is_integer() else repr(v)
    if isinstance(v, decimal.Decimal):
        return str(int(v)) if v == int(v) else str(v)
    if isinstance(v, datetime.datetime):
        if v.tzinfo is not None:
            v = v.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return v.isoformat(sep="T", timespec="milliseconds")
    if isinstance(v, (list, dict)):
        return json.dumps(v, default=str)
    return str(v)


class BigQuery:
    """Every query gets a database of its own, with the tables as they are."""

    def run(self, r):
        import duckdb
        import sqlglot
        from sqlglot import exp

        def local(sql):
            tree = sqlglot.parse_one(sql, read="bigquery")
            for t in tree.find_all(exp.Table):
                name = t.name.split(".")[-1]
                t.set("db", None)
                t.set("catalog", None)
                t.set("this", exp.to_identifier(name, quoted=True))
            return tree.sql(dialect="duckdb")

        db = duckdb.connect(":memory:")
        db.execute("SET TimeZone='UTC'")
        for t in r["tables"]:
            types = {}
            for c in t["Columns"]:
                types[c["Name"]] = exp.DataType.build(c["Type"], dialect="bigquery").sql(dialect="duckdb")
            cols = ", ".join('"%s" %s' % x for x in types.items())
            db.execute('CREATE TABLE "%s" (%s)' % (t["Name"], cols))
            if not t["Rows"]:
                continue
            with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as f:
                for row in t["Rows"]:
                    f.write(json.dumps(self.times(t["Columns"], row)) + "\n")
                f.flush()
                spec = ", ".join("'%s': '%s'" % x for x in types.items())
                db.execute("INSERT INTO \"%s\" BY NAME SELECT * FROM read_json('%s', format='newline_delimited', maximum_object_size=67108864, columns={%s})" % (t["Name"], f.name, spec))
        for v in r["views"]:
            db.execute(local(v))
        out = db.execute(local(r["sql"]))
        return [[cell(v) for v in row] for row in out.fetchall()]

    def times(self, columns, row):
        """Times come as microseconds, as they are sent."""
        out = dict(row)
        for c in columns:
            if c["Type"] == "TIMESTAMP" and out.get(c["Name"]) is not None:
                out[c["Name"]] = self.time(out[c["Name"]])
            if c["Type"].startswith("ARRAY<STRUCT") and out.get(c["Name"]):
                for x in out[c["Name"]]:
                    for k in x:
                        if "`%s` TIMESTAMP" % k in c["Type"]:
                            x[k] = self.time(x[k])
        return out

    def time(self, micros):
        t = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
        return t.isoformat(sep=" ") + "+00:00"


class Snowflake:
    """One account, whose tables stay."""

    def __init__(self):
        import snowflake.connector
        import fakesnow

        snowflake.connector.paramstyle = "qmark"
        self.patch = fakesnow.patch()
        self.patch.__enter__()
        self.connector = snowflake.connector
        self.connection = None

    def run(self, r):
        if self.connection is None:
            self.connection = self.connector.connect(database=r["database"], schema=r["schema"])
        cur = self.connection.cursor()
        if r.get("bindings"):
            cur.execute(r["sql"], r["bindings"])
        else:
            cur.execute(r["sql"])
        return [[cell(v) for v in row] for row in cur.fetchall()]


stores = {}
print(json.dumps({}), file=answers)
for line in sys.stdin:
    request = json.loads(line)
    try:
        kind = request["store"]
        if kind not in stores:
            stores[kind] = {"bigquery": BigQuery, "snowflake": Snowflake}[kind]()
        answer = {"rows": stores[kind].run(request)}
    except Exception as e:  # whatever it is, the asker has to know
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer), file=answers)
