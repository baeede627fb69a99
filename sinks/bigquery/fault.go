package bigquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is what BigQuery said, with what to do about it.
type Error struct {
	Doing string // what was being done
	Hint  string // may be empty
	Err   error
}

func (e *Error) Error() string {
	text := "bigquery: " + e.Doing + ": " + e.Err.Error()
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// apiError is an error answer of the REST API.
type apiError struct {
	Status  int
	Reason  string
	Message string
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%s (HTTP %d %s)", e.Message, e.Status, e.Reason)
}

// isMissing says whether a dataset or table is not there.
func isMissing(err error) bool {
	var api *apiError
	if errors.As(err, &api) {
		return api.Status == 404
	}
	return codeOf(err) == codes.NotFound
}

// codeOf is the gRPC code in an error, codes.Unknown where there is none.
func codeOf(err error) codes.Code {
	var s interface{ GRPCStatus() *status.Status }
	if errors.As(err, &s) {
		return s.GRPCStatus().Code()
	}
	return codes.Unknown
}

// mayPass says whether the same request may succeed a little later.
func mayPass(err error) bool {
	var api *apiError
	if errors.As(err, &api) {
		return api.Status == 429 || api.Status >= 500 || api.Reason == "rateLimitExceeded" || api.Reason == "backendError"
	}
	var op *net.OpError
	switch codeOf(err) {
	case codes.Unavailable, codes.Aborted, codes.Internal, codes.ResourceExhausted, codes.DeadlineExceeded:
		return true
	}
	return errors.As(err, &op) || errors.Is(err, io.EOF) // a stream that was cut ends with EOF
}

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

const (
	hintLogin  = "check the credentials: sinks.bigquery.credentials_file, or GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login"
	hintRights = "the account lacks a right: give it roles/bigquery.jobUser on the project and roles/bigquery.dataEditor on the dataset; see docs/bigquery.md"
	hintQuota  = "a quota is used up: raise sinks.bigquery.batch_age, or ask for more in the console under IAM, Quotas; the rows wait meanwhile"
)

func hint(err error) string {
	var api *apiError
	if errors.As(err, &api) {
		switch {
		case api.Status == 401:
			return hintLogin
		case api.Status == 403 && (strings.Contains(api.Reason, "ateLimit") || strings.Contains(api.Reason, "quota")):
			return hintQuota
		case api.Status == 403 && strings.Contains(strings.ToLower(api.Message), "billing"):
			return "the project has no billing account; streaming needs one"
		case api.Status == 403:
			return hintRights
		case api.Status == 404:
			return "is the project's id right, and the dataset in the location that sinks.bigquery.location names?"
		case api.Status == 429:
			return hintQuota
		}
		return ""
	}
	switch codeOf(err) {
	case codes.Unauthenticated:
		return hintLogin
	case codes.PermissionDenied:
		return hintRights
	case codes.ResourceExhausted:
		return hintQuota
	case codes.Unavailable, codes.DeadlineExceeded:
		return "is the network up? it is tried again; the rows wait meanwhile"
	}
	switch {
	case errors.Is(err, context.Canceled):
	case strings.Contains(err.Error(), "could not find default credentials"):
		return hintLogin
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time: it is tried again; raise sinks.bigquery.timeout if that goes on"
	}
	return ""
}
