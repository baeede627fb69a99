package postgres

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Error is what a store said, with what to do about it.
type Error struct {
	Doing string // what was being done
	Hint  string // may be empty
	Err   error
}

func (e *Error) Error() string {
	text := "postgres: " + e.Doing + ": " + e.Err.Error()
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// fault wraps what went wrong; nil stays nil.
func (s *Sink) fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Doing: doing, Hint: s.hint(err), Err: err}
}

// isGone says whether somebody removed our tables.
func isGone(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000")
}

const hintRestart = "the server is starting up or shutting down; it is tried again"

// hints by SQLSTATE, or by its class of two characters; codes as in
// PostgreSQL's Appendix A.
var hints = map[string]string{
	"28":    "check user and password of sinks.postgres.dsn, and pg_hba.conf on the server",
	"3D000": "make the database first: createdb NAME",
	"42501": "the role lacks a right: as owner run GRANT CREATE, USAGE ON SCHEMA ... TO the role, or see docs/postgres.md for what it needs",
	"3F000": "the schema does not exist and the role may not make it: CREATE SCHEMA ..., or set sinks.postgres.schema",
	"25006": "the server is a standby that only reads: add target_session_attrs=read-write to the DSN and name all hosts",
	"53100": "the server's disk is full: free space there; the rows wait here meanwhile",
	"53300": "the server has no connection left: raise max_connections or use a pooler",
	"57P01": hintRestart,
	"57P02": hintRestart,
	"57P03": hintRestart,
	"55P03": "another program holds the progress rows locked: a second tributary on this schema, or a session left open in psql",
	"2BP01": "views of yours use ours: drop them, let tributary make its views anew, and make yours again",
	"42P01": "a table is gone; with sinks.postgres.migrate it is made again at the next start",
	"42703": "a column is gone; with sinks.postgres.migrate it is made again at the next start",
	"42P05": "a pooler mixes up prepared statements: add default_query_exec_mode=exec to the DSN",
	"26000": "a pooler mixes up prepared statements: add default_query_exec_mode=exec to the DSN",
}

func (s *Sink) hint(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		if h := hints[pg.Code]; h != "" {
			return h
		}
		return hints[pg.Code[:min(2, len(pg.Code))]]
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
	case errors.As(err, &dns):
		return "the host of sinks.postgres.dsn has no address: check its name"
	case strings.Contains(err.Error(), "tls"), strings.Contains(err.Error(), "x509"):
		return "check sslmode and sslrootcert of sinks.postgres.dsn"
	case errors.As(err, &op), errors.Is(err, context.DeadlineExceeded):
		return "is the server up, and reachable from here? it is tried again; the rows wait meanwhile"
	}
	return ""
}
