package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// Rollup tables are sums by window and dimensions. Every tick's changes are in
// its commit, packed; the rows themselves are written only every so often, when
// many changes have met in each (see fold). After a crash the rows are brought
// up to date from the packed changes.

// maxSums is the number of sums in the widest rollup row.
const maxSums = 8

type sums [maxSums]int64

// Columns of the delivery tables.
const (
	impressions = iota
	clicks
	givtImpressions
	sivtImpressions
	givtClicks
	sivtClicks
	spend
	invalidSpend
)

// Columns of minute_conversions.
const (
	conversions = iota
	invalidConversions
	duplicateConversions
	retractedConversions
	conversionValue
	unattributed
)

// rollups lists the tables by the byte that stands in their keys.
var rollups = []struct {
	table *table.Table
	width event.Millis
	sums  int
}{
	{table.MinuteDelivery, event.Minute, 8},
	{table.HourDelivery, event.Hour, 8},
	{table.MinuteInvalid, event.Minute, 2},
	{table.MinuteConversions, event.Minute, 6},
	{table.MinuteAttribution, event.Minute, 2},
	{table.HourByTouch, event.Hour, 2},
}

const (
	minuteDelivery byte = iota
	hourDelivery
	minuteInvalid
	minuteConversions
	minuteAttribution
	hourByTouch
)

// rollupKey is the key of a row: table, window and names, ordered as the table.
func rollupKey(b []byte, t byte, window event.Millis, names ...string) []byte {
	b = state.AppendTime(append(b, byte(state.Rollups), t), window)
	for _, n := range names {
		b = state.AppendText(b, n)
	}
	return b
}

func minuteDeliveryKey(b []byte, minute event.Millis, d *history.Dims) []byte {
	return rollupKey(b, minuteDelivery, minute, d.Campaign, d.Channel, d.Currency)
}

func hourDeliveryKey(b []byte, hour event.Millis, d *history.Dims) []byte {
	return rollupKey(b, hourDelivery, hour, d.Campaign, d.AdGroup, d.Creative, d.Publisher, d.Country, d.Channel, d.Currency)
}

// end is when a row becomes final; lookback is the greatest of the attribution.
func rollupEnd(t byte, window, lookback event.Millis) event.Millis {
	end := window + rollups[t].width - 1
	if t == hourByTouch {
		end = end.Add(lookback)
	}
	return end
}

// deltas are the rollup changes of one shard in one tick.
type deltas struct {
	lookback event.Millis
	delivery []*deliveryDelta
	byDims   []*deliveryDelta // the last one of each dimension number
	beyond   map[uint32]*deliveryDelta
	rows     map[string]*rowDelta
	free     []*deliveryDelta
	key      []byte
}

// deliveryDelta is the change of one minute and its hour for one tuple of
// dimensions. Those of other minutes of the tuple follow it.
type deliveryDelta struct {
	minute                       event.Millis
	d                            *history.Dims
	n                            sums
	minuteRestated, hourRestated bool
	next                         *deliveryDelta
}

type rowDelta struct {
	n        sums
	restated bool
}

func newDeltas(lookback event.Millis) *deltas {
	return &deltas{lookback: lookback, beyond: map[uint32]*deliveryDelta{}, rows: map[string]*rowDelta{}}
}

// deliver returns where changes of delivery at t are summed.
func (d *deltas) deliver(dims *history.Dims, t, watermark event.Millis) *sums {
	minute := t.Floor(event.Minute)
	var head *deliveryDelta
	if int(dims.ID) < len(d.byDims) {
		head = d.byDims[dims.ID]
	} else if dims.ID >= maxMemo {
		head = d.beyond[dims.ID]
	}
	x := head
	for x != nil && x.minute != minute {
		x = x.next
	}
	if x == nil {
		x = d.begin(dims, minute, head)
	}
	if watermark >= minute+event.Minute-1 {
		x.minuteRestated = true
		if watermark >= minute.Floor(event.Hour)+event.Hour-1 {
			x.hourRestated = true
		}
	}
	return &x.n
}

func (d *deltas) begin(dims *history.Dims, minute event.Millis, head *deliveryDelta) *deliveryDelta {
	var x *deliveryDelta
	if n := len(d.free); n > 0 {
		x, d.free = d.free[n-1], d.free[:n-1]
	} else {
		x = &deliveryDelta{}
	}
	*x = deliveryDelta{minute: minute, d: dims, next: head}
	d.delivery = append(d.delivery, x)
	switch n := int(dims.ID); {
	case n >= maxMemo:
		d.beyond[dims.ID] = x
	default:
		if n >= len(d.byDims) {
			d.byDims = append(d.byDims, make([]*deliveryDelta, n+1024-len(d.byDims))...)
		}
		d.byDims[n] = x
	}
	return x
}

// maxMemo bounds what is found by index: dimensions beyond it go through maps.
const maxMemo = 1 << 20

// add sums a change of any other table; what is all zero changes nothing.
func (d *deltas) add(t byte, at, watermark event.Millis, n sums, names ...string) {
	if n == (sums{}) {
		return
	}
	window := at.Floor(rollups[t].width)
	d.key = rollupKey(d.key[:0], t, window, names...)
	x := d.rows[string(d.key)]
	if x == nil {
		x = &rowDelta{}
		d.rows[string(d.key)] = x
	}
	for i := range n {
		x.n[i] += n[i]
	}
	x.restated = x.restated || watermark >= rollupEnd(t, window, d.lookback)
}

func (d *deltas) reset() {
	for _, x := range d.delivery {
		if int(x.d.ID) < len(d.byDims) {
			d.byDims[x.d.ID] = nil
		}
		if len(d.free) < 16<<10 {
			d.free = append(d.free, x)
		}
	}
	d.delivery = d.delivery[:0]
	clear(d.beyond)
	clear(d.rows)
}

// row is a rollup row in memory, as of the last commit.
type row struct {
	key      string
	n        sums
	restated bool
	dirty    bool   // state does not hold it as it is
	listed   bool   // in rollupStore.mu.listed
	used     uint64 // the cycle in which it changed last
	rev      uint64
	base     uint64 // the revision that it was read with
}

func (r *row) appendValue(b []byte, count int) []byte {
	b = binary.AppendUvarint(b, r.rev)
	if r.restated {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	for _, n := range r.n[:count] {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func (r *row) parse(b []byte) error {
	rev, k := binary.Uvarint(b)
	if k <= 0 || k >= len(b) {
		return errors.New("damaged rollup row")
	}
	r.rev, r.base, r.restated = rev, rev, b[k] != 0
	b = b[k+1:]
	for i := 0; len(b) > 0 && i < maxSums; i++ {
		n, k := binary.Varint(b)
		if k <= 0 {
			return errors.New("damaged rollup row")
		}
		r.n[i], b = n, b[k:]
	}
	return nil
}

// rollupStore holds the rows that changed lately. The committing goroutine owns
// it; mu is held by it while rows change, and by readers of the live figures.
type rollupStore struct {
	store *state.Store
	mu    struct {
		sync.RWMutex
		rows   map[string]*row
		listed map[windowKey][]*row // rows that readers take from here: see fresh
	}
	byDims []dimsRows // delivery rows used last, by dimensions
	other  dimsRows
	newest [8]event.Millis    // window of the latest row of each table
	young  map[windowKey]bool // windows whose rows are all in memory
	key    []byte
	foldState
}

type windowKey struct {
	table  byte
	window event.Millis
}

// windowOf is the table and window of a row key.
func windowOf(key string) windowKey {
	return windowKey{key[1], state.Time([]byte(key[2:10]))}
}

type dimsRows struct {
	minute, hour       event.Millis
	minuteRow, hourRow *row
}

// maxRows bounds the cache: about 100 MB.
const maxRows = 400 << 10

func openRollups(s *state.Store) (*rollupStore, error) {
	r := &rollupStore{store: s, young: map[windowKey]bool{}}
	r.mu.rows, r.mu.listed = map[string]*row{}, map[windowKey][]*row{}
	it, err := s.NewIter()
	if err != nil {
		return nil, err
	}
	for t := range rollups {
		r.newest[t] = event.NoTime
		prefix := []byte{byte(state.Rollups), byte(t)}
		if it.SeekBefore(state.After(prefix)) {
			if k := it.Key(); len(k) >= 10 && k[0] == prefix[0] && k[1] == prefix[1] {
				r.newest[t] = state.Time(k[2:])
			}
		}
	}
	return r, it.Close()
}

// find returns the row of a key, from memory or state, or a new one.
func (r *rollupStore) find(key []byte) (*row, error) {
	if x := r.mu.rows[string(key)]; x != nil {
		return x, nil
	}
	x := &row{key: string(key)}
	t, window := key[1], state.Time(key[2:])
	if window > r.newest[t] {
		r.newest[t] = window
		r.young[windowKey{t, window}] = true
	} else if !r.young[windowKey{t, window}] {
		v, err := r.store.Get(key)
		if err == nil {
			err = x.parse(v)
		} else if errors.Is(err, state.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return nil, fmt.Errorf("read a rollup row: %w", err)
		}
	}
	r.mu.rows[x.key] = x
	return x, nil
}

// pack encodes the changes of the shard for the commit.
func (d *deltas) pack(b []byte) []byte {
	for _, x := range d.delivery {
		if x.n != (sums{}) {
			b = appendDelivery(b, x)
		}
	}
	for key, x := range d.rows {
		if x.n != (sums{}) {
			b = appendRow(b, key, x)
		}
	}
	return b
}

// merge applies the shards' changes to the rows.
func (r *rollupStore) merge(shards []*shard, rev uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range shards {
		for _, x := range s.deltas.delivery {
			if x.n == (sums{}) {
				continue
			}
			if err := r.deliver(x, rev); err != nil {
				return err
			}
		}
		for key, x := range s.deltas.rows {
			if x.n == (sums{}) {
				continue
			}
			r.key = append(r.key[:0], key...)
			y, err := r.find(r.key)
			if err != nil {
				return err
			}
			r.apply(y, &x.n, x.restated, rev)
		}
		s.deltas.reset()
	}
	return nil
}

// deliver applies a change of delivery to its minute and its hour.
func (r *rollupStore) deliver(x *deliveryDelta, rev uint64) error {
	hour := x.minute.Floor(event.Hour)
	c := r.lastRows(x.d.ID)
	var err error
	if c.minuteRow == nil || c.minute != x.minute {
		r.key = minuteDeliveryKey(r.key[:0], x.minute, x.d)
		if c.minuteRow, err = r.find(r.key); err != nil {
			return err
		}
		c.minute = x.minute
	}
	if c.hourRow == nil || c.hour != hour {
		r.key = hourDeliveryKey(r.key[:0], hour, x.d)
		if c.hourRow, err = r.find(r.key); err != nil {
			return err
		}
		c.hour = hour
	}
	r.apply(c.minuteRow, &x.n, x.minuteRestated, rev)
	r.apply(c.hourRow, &x.n, x.hourRestated, rev)
	return nil
}

// lastRows is where the rows that a tuple of dimensions was counted in last are
// remembered.
func (r *rollupStore) lastRows(dims uint32) *dimsRows {
	if dims >= maxMemo {
		r.other = dimsRows{}
		return &r.other
	}
	if int(dims) >= len(r.byDims) {
		r.byDims = append(r.byDims, make([]dimsRows, int(dims)+1024-len(r.byDims))...)
	}
	return &r.byDims[dims]
}

func deltaKey(commit uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{byte(state.Deltas)}, commit)
}

// Packed changes: a byte that says which, then the key and the sums.
const (
	packedDelivery = 1
	packedRow      = 2
)

func appendDelivery(b []byte, x *deliveryDelta) []byte {
	b = append(b, packedDelivery, flag(x.minuteRestated, 1)|flag(x.hourRestated, 2))
	b = binary.AppendUvarint(b, uint64(x.d.ID))
	b = binary.AppendVarint(b, int64(x.minute/event.Minute))
	return appendSums(b, &x.n)
}

func appendRow(b []byte, key string, x *rowDelta) []byte {
	b = append(b, packedRow, flag(x.restated, 1))
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	return appendSums(b, &x.n)
}

// appendSums writes which sums are not zero, then those.
func appendSums(b []byte, n *sums) []byte {
	at := len(b)
	b = append(b, 0)
	for i, v := range n {
		if v != 0 {
			b[at] |= 1 << i
			b = binary.AppendVarint(b, v)
		}
	}
	return b
}

func flag(on bool, bit byte) byte {
	if on {
		return bit
	}
	return 0
}
