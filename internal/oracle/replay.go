package oracle

import "github.com/tributary-data/tributary/event"

// Replay puts the records of several files into the order in which replay
// takes them, each with the watermark that judges it. A dead letter at the
// head of a file is taken at once; else the record with the smallest event
// time; ties go by the order of the files.
func Replay(cfg Config, inputs [][]event.Record) []Judged {
	next := make([]int, len(inputs))
	seen := make([]event.Millis, len(inputs)) // greatest event time; NoTime: not begun
	for i := range seen {
		seen[i] = event.NoTime
	}
	watermark := event.NoTime
	var out []Judged
	for {
		pick := -1
		for i, recs := range inputs {
			if next[i] == len(recs) {
				continue
			}
			if recs[next[i]].Dead != nil {
				pick = i
				break
			}
			if pick < 0 || recs[next[i]].Event.Time < inputs[pick][next[pick]].Event.Time {
				pick = i
			}
		}
		if pick < 0 {
			return out
		}
		rec := inputs[pick][next[pick]]
		next[pick]++
		out = append(out, Judged{Input: pick, Rec: rec, Watermark: watermark})
		if rec.Dead == nil {
			seen[pick] = max(seen[pick], rec.Event.Time)
		}

		// Files that have not begun or are finished are left out of the
		// minimum; with none left in it, the watermark stays.
		lowest := event.EndOfTime
		for i, recs := range inputs {
			if seen[i] != event.NoTime && next[i] < len(recs) {
				lowest = min(lowest, seen[i]-cfg.OutOfOrderness.Millis()-1)
			}
		}
		if lowest != event.EndOfTime {
			watermark = max(watermark, lowest)
		}
	}
}
