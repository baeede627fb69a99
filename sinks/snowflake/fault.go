package snowflake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Error is what Snowflake said, with what to do about it.
type Error struct {
	Doing string // what was being done
	Hint  string // may be empty
	Err   error
}

func (e *Error) Error() string {
	text := "snowflake: " + e.Doing + ": " + e.Err.Error()
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// apiError is an error answer of the SQL API.
type apiError struct {
	Status   int
	Code     string // Snowflake's number
	SQLState string
	Message  string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%s (HTTP %d, code %s)", e.Message, e.Status, e.Code)
}

// isMissing says whether a table or schema is not there.
func isMissing(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.Status == 422 && (api.Code == "002003" || api.Code == "002043" || api.SQLState == "42S02" || api.SQLState == "02000")
}

// isTooLarge says whether a request was refused for its size.
func isTooLarge(err error) bool {
	var api *apiError
	return errors.As(err, &api) && (api.Status == 413 || api.Code == "100078" || api.Code == "100082" || strings.Contains(api.Message, "too large"))
}

// mayPass says whether the same request may succeed a little later.
func mayPass(err error) bool {
	var api *apiError
	if errors.As(err, &api) {
		return api.Status == 429 || api.Status == 408 || api.Status >= 500
	}
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, errCut)
}

var errCut = errors.New("the connection was cut")

// fault wraps what went wrong; nil stays nil.
func fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Doing: doing, Hint: hint(err), Err: err}
}

// hints by Snowflake's error codes.
var hints = map[string]string{
	"390144": "the token is not accepted: is the public half of the key set (DESC USER shows RSA_PUBLIC_KEY_FP), are account and user right, and is this machine's clock?",
	"390100": "the user or the key is not accepted: ALTER USER ... SET RSA_PUBLIC_KEY='...'",
	"390201": "the warehouse, role or database does not exist, or the role may not use it",
	"390189": "the role does not exist or was not granted to the user: GRANT ROLE ... TO USER ...",
	"000606": "no warehouse is active: set sinks.snowflake.warehouse, and GRANT USAGE ON WAREHOUSE ... TO ROLE ...",
	"002043": "it does not exist or the role may not see it: make the database first, and GRANT USAGE ON DATABASE ... TO ROLE ...",
	"003001": "the role lacks a right; docs/snowflake.md lists what it needs",
	"090073": "a resource monitor has suspended the warehouse: raise its quota, or use another warehouse",
	"000630": "the statement took longer than the account allows: a larger warehouse, or a smaller sinks.snowflake.request_bytes",
}

func hint(err error) string {
	var api *apiError
	if errors.As(err, &api) {
		switch {
		case hints[api.Code] != "":
			return hints[api.Code]
		case api.Status == 401 || api.Status == 403:
			return hints["390144"]
		case api.Status == 404:
			return "is sinks.snowflake.account right? It is organization-account, or the locator with its region"
		case api.Status == 429:
			return "too many requests of this user at once: lower sinks.snowflake.parallel; it is tried again"
		}
		return ""
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
	case errors.As(err, &dns):
		return "the account's host has no address: is sinks.snowflake.account right?"
	case mayPass(err):
		return "is the network up? it is tried again; the rows wait meanwhile"
	}
	return ""
}
