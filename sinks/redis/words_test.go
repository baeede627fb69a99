package redis

import (
	"strconv"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

func millis(v table.Value) event.Millis { return event.Millis(v.Int) }

func number(t testing.TB, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%q is no number", text)
	}
	return n
}
