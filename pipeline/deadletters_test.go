package pipeline_test

import (
	"slices"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
)

// TestDeadLettersAtOnePosition: another record at a position that was used
// before, as in a topic that was made anew, is kept beside the first; the same
// record read again is not.
func TestDeadLettersAtOnePosition(t *testing.T) {
	e, done := openMem(t, pipeline.DefaultConfig(), small(2))
	defer done()
	tick := func(raws ...string) {
		records := make([]pipeline.Stamped, len(raws))
		for i, raw := range raws {
			records[i] = pipeline.Stamped{Watermark: event.NoTime, Record: &event.Record{Dead: &event.DeadLetter{
				Code: event.Malformed, Message: "no", Raw: []byte(raw), Pos: event.Position{Prefix: "clicks/0/", N: 5},
			}}}
		}
		mustTick(t, e, &pipeline.Tick{Records: records, Watermark: event.NoTime})
	}
	tick("a")
	tick("b", "c", "b")
	tick("a", "c")
	v := e.View()
	defer func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}()
	var got []string
	err := v.Scan(table.DeadLetters, func(r table.Row) bool {
		got = append(got, r[0].Text+" "+r[3].Text)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"clicks/0/5 a", "clicks/0/5+2 b", "clicks/0/5+3 c"}; !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}
