package web

import (
	"context"
	"errors"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// View is what the server asks of the running pipeline. Every method may be
// called by many goroutines at once, answers from what is applied (also where
// it is not final), and gives up with the context's error when that ends.
//
// Rows come in the order of the table's columns with the status already filled
// in as of the watermark that Status reports. A row belongs to the callback
// only until it returns; its strings may be kept.
type View interface {
	// Scan calls fn for every current row whose time lies in [from, to). The
	// time is the minute or hour of the aggregates, the end of a session, the
	// event_time of conversions, verdicts and late_events, the at of
	// credit_journal, and for credits the event_time of their conversion.
	// dead_letters have no time: from and to are ignored. Aggregates come in
	// order of time; else the order is free, but the credits of one conversion
	// come together, in key order. An error
	// of fn ends the scan and is returned as it is.
	Scan(ctx context.Context, t *table.Table, from, to event.Millis, fn func(table.Row) error) error

	// ScanModel is Scan over the rows of one model of minute_attribution or
	// hour_attribution_by_touch.
	ScanModel(ctx context.Context, t *table.Table, model string, from, to event.Millis, fn func(table.Row) error) error

	// Changes lists the windows of the aggregates whose rows changed after the
	// cursor (nil: from the beginning), and the cursor that stands behind them.
	// False: it is not known any more, and any window may have changed. What
	// changed before a tick was applied is listed once Changed was closed for it.
	Changes(after Cursor) (windows []Window, next Cursor, known bool)

	// Paths calls fn for the conversions whose time lies in [from, to), in order
	// of time, with the touches that led to them and what the model gives to
	// each. A path belongs to the callback only until it returns.
	Paths(ctx context.Context, model string, from, to event.Millis, fn func(*Path) error) error

	// PathOf is the path of one conversion; nil when there is none.
	PathOf(ctx context.Context, id, model string) (*Path, error)

	// List calls fn for the rows of a table in its list order, beginning after
	// the row `after` (exclusive; nil: at the beginning; the row itself need
	// not exist any more), until fn returns false, fn fails, or no row is left.
	// `after` is a row of the table in which only the columns of ListOrder are
	// filled. Rows whose time (as in Scan) is outside [from, to) may be left
	// out; where that is cheap they should be, as the caller drops them one by
	// one. Used for conversions, sessions, late_events and dead_letters.
	List(ctx context.Context, t *table.Table, after table.Row, from, to event.Millis, fn func(table.Row) (bool, error)) error

	// Find gives the rows whose first key columns equal those of prefix, in key
	// order, at most limit of them. Used with the whole key of conversions and
	// with the event_id of verdicts. The rows belong to the caller.
	Find(ctx context.Context, t *table.Table, prefix table.Row, limit int) ([]table.Row, error)

	// Explain says how one conversion came to its credit; false when there is
	// no such conversion.
	Explain(ctx context.Context, conversionID string) (*Explanation, bool, error)

	// Status is the state of the pipeline now; it never blocks on the disk.
	Status() Status

	// Changed is closed when the next tick has been applied. Whoever waits takes
	// the channel before reading, so that nothing is missed.
	Changed() <-chan struct{}
}

// Cursor is a place in the changes of the aggregates; only the view knows what
// is in it.
type Cursor any

// Window is one minute or hour of an aggregate.
type Window struct {
	Table *table.Table
	Start event.Millis
}

// Path is a conversion and the touches that led to it.
type Path struct {
	Conversion table.Row // of table.Conversions
	Counted    bool      // it carries value and credit
	Touches    []PathTouch
}

// PathTouch is a touch and what the model gives to it.
type PathTouch struct {
	Time              event.Millis
	Campaign, Channel string
	CreditPPM         int64
	Value             event.Micros
}

// ListOrder names the columns that order a list, and whether it runs downward
// (newest first). The names decide places in full: the last is unique.
func ListOrder(t *table.Table) (columns []string, newestFirst bool) {
	switch t {
	case table.Conversions:
		return []string{"event_time", "conversion_id"}, true
	case table.Sessions:
		return []string{"end", "session_id"}, true
	}
	for _, c := range t.Columns[:t.Keys] {
		columns = append(columns, c.Name)
	}
	return columns, false
}

// Collector takes the records of one HTTP request.
type Collector interface {
	// Collect blocks until every accepted record is durable. records[i] is the
	// exact text of the record with index i; the callee may keep it. Records
	// that break a rule are not an error but stand in Rejected (and are kept as
	// dead letters). An error means that nothing of the request may be relied
	// on: the client sends it again, which changes nothing where it was applied.
	Collect(ctx context.Context, request string, records [][]byte) (CollectResult, error)
}

// What Collect returns when the client should come back later.
var (
	ErrBusy     = errors.New("the collector is busy")   // 429
	ErrStopping = errors.New("the program is stopping") // 503
	ErrDiskFull = errors.New("the disk is nearly full") // 503
)

// CollectResult counts what became of the records of a request: together the
// four numbers are all of them.
type CollectResult struct {
	Accepted   int // applied, late ones included
	Duplicates int
	Late       int // too late: kept in late_events, changed nothing
	Rejected   []Rejected
}

// Rejected is a record that became a dead letter.
type Rejected struct {
	Index   int // in the request, from 0
	Code    event.Code
	Message string
}

// Explanation is everything that decided the credit of one conversion.
type Explanation struct {
	Conversion table.Row // of table.Conversions

	// Members are the ids whose touches count for this conversion: the person,
	// and the anonymous ids that are linked to the user.
	Members []Member

	Lookback   Lookback
	MaxTouches int

	// Candidates are all clicks, impressions and visits of the members within
	// the greatest lookback before the conversion, and those shortly after it
	// if known, in order of (event time, event id).
	Candidates []Candidate

	// Models, in the order of Models; empty where the conversion has no credit.
	Models []ModelCredit

	Adjustments []Adjustment // all that name the conversion, in order
	Revisions   []table.Row  // of table.Journal, in order of (at, journal id)
}

// Lookback says how far before the conversion a touch could lie.
type Lookback struct{ Click, Impression, Visit event.Duration }

// Member is one id of the path's person.
type Member struct {
	Person   string       // as in the tables: u:... or a:...
	LinkedBy string       // event id of the link; empty for the conversion's own id
	LinkedAt event.Millis // NoTime for the conversion's own id
}

// Candidate is an event that is a touch of the conversion or could have been.
type Candidate struct {
	EventID  string
	Time     event.Millis
	Type     string // click, impression, visit
	Person   string // recorded under
	Campaign string
	AdGroup  string
	Creative string
	Channel  string
	Verdict  event.Verdict
	Reasons  []string // why it is invalid, sorted

	Counted  bool
	Position int    // 1 = first; 0 when not counted
	Why      string // when not counted: "invalid: fast_click", "outside lookback (1d)", "absorbed by click c-17", "beyond max_touches", "after the conversion"
}

// ModelCredit is the arithmetic of one model.
type ModelCredit struct {
	Model  string
	Shares []Share // one for each touch, by position; one with position 0 when unattributed
}

// Share is what one touch got under one model. The weight is the exact
// fraction WeightNum/WeightDen of the whole, before it was made an integer by
// largest remainder.
type Share struct {
	Position  int
	EventID   string
	WeightNum string // integers in decimal digits
	WeightDen string
	CreditPPM int64
	Value     event.Micros
}

// Adjustment is a retraction or restatement that names the conversion.
type Adjustment struct {
	EventID  string
	Time     event.Millis
	Kind     string // retract, restate
	Value    event.Micros
	Currency string
	Counted  bool
	Why      string // when not counted: "a later adjustment counts", "outside the window of 90d"
}

// Status is the state of the whole pipeline.
type Status struct {
	Version   string
	Started   event.Millis
	Watermark event.Millis   // NoTime before the first record
	Lookback  event.Duration // the greatest of attribution: figures by touch time stay open for so long
	Commit    uint64         // number of the last durable commit
	Epoch     uint64
	Shards    int

	Inputs []Input
	Kafka  *KafkaStatus // nil: not read
	Counts Counts
	Sinks  []Sink

	Tick    Quantiles // applying one tick
	Durable Quantiles // from the end of a tick to its sync
	Latency Quantiles // from the arrival of a record to its being visible

	DiskBytes  int64 // used by the state
	DiskBudget int64 // 0 when there is none
	OutboxRows int64

	Paused string // why nothing is taken in, in plain words; empty when events are taken

	Ready    bool
	NotReady []string // why not, in plain words, when Ready is false
	Degraded []string // what is wrong although it works on, in plain words
}

// Input is one source of records with a watermark of its own.
type Input struct {
	Name      string // clicks/3, a.ndjson, http
	Watermark event.Millis
	Idle      bool
	Finished  bool
	Records   int64
	Behind    int64  // records not yet read; -1 when unknown
	Error     string // of the last fetch; empty when it went well
}

// Counts are totals since the state began; they outlive restarts.
type Counts struct {
	Records      int64 // read, of every fate
	Late         int64 // applied although late
	TooLate      int64
	Duplicates   int64
	Conflicts    int64 // duplicates with other content
	MoneyRounded int64
	DeadLetters  map[event.Code]int64
	Dropped      map[string]int64 // optional fields left out, by field name
}

// Sink is one destination.
type Sink struct {
	Name       string
	State      string // ok, catching_up, down
	OutboxRows int64
	Lag        time.Duration // age of the oldest row not delivered; 0 when none
	Commit     uint64        // delivered up to
	Watermark  event.Millis
	Error      string
}

// Quantiles sum up a latency since the start; the quantiles are of the last
// minute or so.
type Quantiles struct {
	Count         uint64
	Sum           time.Duration
	P50, P95, P99 time.Duration
}
