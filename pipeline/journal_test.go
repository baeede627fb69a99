package pipeline

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// TestDamagedJournal: differences read back as they were written; a record that
// is cut or counts more than it holds is an error, and soon.
func TestDamagedJournal(t *testing.T) {
	diff := []journalEntry{
		{model: "linear", time: event.NoTime, ppm: -1_000_000, micros: -5},
		{model: "linear", time: 7, id: "a", typ: "click", ppm: 1_000_000, micros: 5},
		{model: "time_decay", time: 7, id: "a", typ: "click", ppm: 3, micros: 0},
	}
	key := journalRecordKey(nil, "c@1/2", 9, 3)
	head := state.AppendTime([]byte{journalDifferences, byte(causeVerdict)}, 11)
	value := appendDifferences(slices.Clone(head), diff)
	r, err := readJournal(nil, nil, key, value)
	if err != nil {
		t.Fatal(err)
	}
	if r.conversion != "c@1/2" || r.cause != causeVerdict || r.at != 11 || !slices.Equal(r.entries, diff) {
		t.Errorf("got %+v; want %+v", r, diff)
	}
	for n := range value {
		if _, err := readJournal(nil, nil, key, value[:n]); !errors.Is(err, errDamaged) {
			t.Errorf("cut to %d bytes: got %v; want %v", n, err, errDamaged)
		}
	}
	endless := binary.AppendUvarint(append(slices.Clone(head), 0), 1<<63)
	if _, err := readJournal(nil, nil, key, endless); !errors.Is(err, errDamaged) {
		t.Errorf("endless: got %v; want %v", err, errDamaged)
	}
}
