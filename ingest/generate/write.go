package generate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/tributary-data/tributary/event"
)

// Options describe a run of Write.
type Options struct {
	Seed   uint64
	Events int          // records to write, exactly; 0 for as many as People and Days give
	People int          // who come; 0 for as many as Events need
	Days   float64      // over which they come [7]; with Events a target, else the end
	Fraud  float64      // share of the clicks that are of attacks, 0 to 0.9; above 0 each scenario, hard clean cases too, comes once at least
	Start  event.Millis // [2026-01-05T00:00:00Z]
}

// defaultStart is a Monday.
const defaultStart event.Millis = 1767571200000

func (o Options) withDefaults() (Options, error) {
	if o.Days == 0 {
		o.Days = 7
	}
	if o.Start == 0 {
		o.Start = defaultStart
	}
	if o.Events == 0 && o.People == 0 {
		o.Events = 100_000
	}
	switch {
	case o.Events < 0 || o.People < 0:
		return o, errors.New("the numbers of events and people cannot be negative")
	case !(o.Days > 0 && o.Days <= 3660):
		return o, errors.New("days must be above 0 and at most 3,660")
	case !(o.Fraud >= 0 && o.Fraud <= 0.9):
		return o, errors.New("the fraud rate must be between 0 and 0.9, such as 0.05")
	case o.Start < 0 || o.Start > 200_000_000_000_000:
		return o, errors.New("the start must lie between the years 1970 and 8000")
	}
	return o, nil
}

// Write writes the traffic of a simulated world to dir: impressions.ndjson,
// clicks.ndjson, conversions.ndjson and behaviour.ndjson, each in the order of
// arrival, and beside them truth/events.ndjson (a line per record, in the
// order of arrival over all files), truth/journeys.ndjson and
// truth/summary.json. It refuses a directory that is not empty. progress, if
// not nil, is told now and then how many records there are.
func Write(ctx context.Context, opt Options, dir string, progress func(done int)) (Summary, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return Summary{}, err
	}
	out, err := createOutput(dir)
	if err != nil {
		return Summary{}, err
	}
	sum, err := out.run(ctx, opt, progress)
	if closeErr := out.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return sum, fmt.Errorf("generating into %s: %w", dir, err)
	}
	return sum, nil
}

// output is the files of a run.
type output struct {
	dir      string
	files    []*os.File
	topics   map[string]*bufio.Writer
	events   *bufio.Writer
	journeys *bufio.Writer
}

func createOutput(dir string) (*output, error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("directory %s is not empty (it holds %s): choose another", dir, entries[0].Name())
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "truth"), 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the output directory: %w", err)
	}
	o := &output{dir: dir, topics: map[string]*bufio.Writer{}}
	open := func(name string) (*bufio.Writer, error) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot write: %w", err), o.close())
		}
		o.files = append(o.files, f)
		return bufio.NewWriterSize(f, 256<<10), nil
	}
	var err error
	for _, topic := range Topics {
		if o.topics[topic], err = open(topic + ".ndjson"); err != nil {
			return nil, err
		}
	}
	if o.events, err = open("truth/events.ndjson"); err != nil {
		return nil, err
	}
	o.journeys, err = open("truth/journeys.ndjson")
	return o, err
}

// progressEvery is how many records lie between two calls of progress and two
// looks at the context.
const progressEvery = 10_000

func (o *output) run(ctx context.Context, opt Options, progress func(int)) (Summary, error) {
	sum := Summary{
		Seed: opt.Seed, Start: opt.Start.String(), Malformed: map[event.Code]int64{}, Types: map[string]int64{},
		Labels: map[string]LabelSummary{}, SpendMicros: map[string]int64{}, ValueMicros: map[string]int64{}, Files: map[string]int64{},
	}
	span := opt.Days * float64(event.Day)
	until := opt.Start + event.Millis(span)
	perMs := float64(opt.People) * recordsPerStart / (span * 0.8) // the last fifth is for what follows
	if opt.Events > 0 {
		if opt.People == 0 {
			perMs = float64(opt.Events) / span
		}
		until = math.MaxInt64 // the last record ends it
	}
	w := newWorld(opt.Seed, opt.Start, opt.Fraud, func(event.Millis) float64 { return perMs })
	w.crowd = opt.People
	w.early = event.Millis(span / 20)
	var last end
	var failed error
	w.finish = func(j *journey) {
		told, err := j.tell(o.journeys, end{math.MaxInt64, 0})
		if told {
			sum.Journeys++
		}
		failed = cmp.Or(failed, err)
	}
	for opt.Events == 0 || sum.Records < int64(opt.Events) {
		rec := w.next(until)
		if rec == nil {
			break
		}
		if err := o.write(rec, sum.Files[rec.topic+".ndjson"]+1); err != nil || failed != nil {
			return sum, cmp.Or(err, failed)
		}
		sum.add(rec)
		last = end{rec.arrival, rec.seq}
		if sum.Records%progressEvery == 0 {
			if err := ctx.Err(); err != nil {
				return sum, err
			}
			if progress != nil {
				progress(int(sum.Records))
			}
		}
	}
	n, err := o.tellRest(w, last)
	sum.Journeys += n
	sum.People = w.people
	sum.End = last.arrival.String()
	if err == nil {
		err = o.writeSummary(sum)
	}
	return sum, cmp.Or(failed, err)
}

func (o *output) write(r *record, line int64) error {
	r.line = line
	f := o.topics[r.topic]
	if _, err := f.Write(append(r.raw, '\n')); err != nil {
		return err
	}
	r.raw = nil // refunds and repeats may keep the record for days
	_, err := o.events.Write(appendTruth(o.events.AvailableBuffer(), r))
	return err
}

// tellRest tells the journeys that the end of the run cut off.
func (o *output) tellRest(w *world, last end) (told int64, err error) {
	var rest []*journey
	for _, it := range w.queue {
		switch a := it.actor.(type) {
		case *journey:
			rest = append(rest, a)
		case closing:
			rest = append(rest, a.j)
		}
	}
	slices.SortFunc(rest, func(a, b *journey) int { return cmp.Compare(a.serial, b.serial) })
	for _, j := range rest {
		ok, err := j.tell(o.journeys, last)
		if err != nil {
			return told, err
		}
		if ok {
			told++
		}
	}
	return told, nil
}

func (o *output) writeSummary(sum Summary) error {
	raw, err := json.MarshalIndent(sum, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.dir, "truth", "summary.json"), append(raw, '\n'), 0o644)
}

// close flushes and closes the files.
func (o *output) close() error {
	var errs []error
	for _, topic := range Topics {
		if w := o.topics[topic]; w != nil {
			errs = append(errs, w.Flush())
		}
	}
	for _, w := range []*bufio.Writer{o.events, o.journeys} {
		if w != nil {
			errs = append(errs, w.Flush())
		}
	}
	for _, f := range o.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
