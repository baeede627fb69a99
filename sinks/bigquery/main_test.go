package bigquery

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets two kinds of goroutines be, both of the client's: one starts
// when the package is loaded, the other sleeps for some minutes after each
// connection.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"),
		goleak.IgnoreAnyFunction("cloud.google.com/go/bigquery/storage/managedwriter.(*connection).getStream.func1"))
}
