package bigquery

import (
	"strings"
	"testing"

	"github.com/tributary-data/tributary/internal/testkit"
)

// TestCutOffBetweenTables: a first contact that ends after any of its
// statements is gone on with by the next.
func TestCutOffBetweenTables(t *testing.T) {
	cfg := config(testkit.NewBigQuery(t))
	for n := range open(t, cfg).schema.all() {
		b := testkit.NewBigQuery(t)
		s := open(t, config(b))
		if err := s.ready(t.Context()); err != nil { // logs in; the rest is undone
			t.Fatal(err)
		}
		b.Reset()
		for _, q := range s.schema.all()[:n] {
			if err := s.client.query(t.Context(), q, nil); err != nil {
				t.Fatalf("%s: %v", strings.SplitN(q, "(", 2)[0], err)
			}
		}
		if _, err := open(t, config(b)).Cursor(t.Context()); err != nil {
			t.Errorf("after %d statements: %v", n, err)
		}
	}
}
