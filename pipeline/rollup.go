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
	delivery map[deliveryKey]*deliveryDelta
	memo     []*deliveryDelta // by dimension number: the one used last
	rows     map[string]*rowDelta
	free     []*deliveryDelta
	key      []byte
}

type deliveryKey struct {
	dims   uint32
	minute event.Millis
}

type deliveryDelta struct {
	deliveryKey
	d                            *history.Dims
	n                            sums
	minuteRestated, hourRestated bool
}

type rowDelta struct {
	n        sums
	restated bool
}

func newDeltas(lookback event.Millis) *deltas {
	return &deltas{lookback: lookback, delivery: map[deliveryKey]*deliveryDelta{}, rows: map[string]*rowDelta{}}
}

// deliver returns where changes of delivery at t are summed.
func (d *deltas) deliver(dims *history.Dims, t, watermark event.Millis) *sums {
	minute := t.Floor(event.Minute)
	var x *deliveryDelta
	if int(dims.ID) < len(d.memo) {
		x = d.memo[dims.ID]
	}
	if x == nil || x.minute != minute {
		k := deliveryKey{dims.ID, minute}
		if x = d.delivery[k]; x == nil {
			if n := len(d.free); n > 0 {
				x, d.free = d.free[n-1], d.free[:n-1]
				*x = deliveryDelta{deliveryKey: k, d: dims}
			} else {
				x = &deliveryDelta{deliveryKey: k, d: dims}
			}
			d.delivery[k] = x
		}
		if int(dims.ID) >= len(d.memo) && dims.ID < maxMemo {
			d.memo = append(d.memo, make([]*deliveryDelta, int(dims.ID)+1024-len(d.memo))...)
		}
		if int(dims.ID) < len(d.memo) {
			d.memo[dims.ID] = x
		}
	}
	if watermark >= minute+event.Minute-1 {
		x.minuteRestated = true
		if watermark >= minute.Floor(event.Hour)+event.Hour-1 {
			x.hourRestated = true
		}
	}
	return &x.n
}

// maxMemo bounds the memo: dimensions beyond it go through the map.
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
	for k, x := range d.delivery {
		if int(k.dims) < len(d.memo) {
			d.memo[k.dims] = nil
		}
		if len(d.free) < 16<<10 {
			d.free = append(d.free, x)
		}
	}
	clear(d.delivery)
	clear(d.rows)
}

// row is a rollup row in memory, as of the last commit.
type row struct {
	key      string
	n        sums
	restated bool
	dirty    bool
	used     uint64 // the fold in which it changed last
	rev      uint64
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
	r.rev, r.restated = rev, b[k] != 0
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
		rows  map[string]*row
		dirty []*row
	}
	byDims map[uint32]*dimsRows // delivery rows used last, by dimensions
	newest [8]event.Millis      // window of the latest row of each table
	folds  uint64
	since  int // commits since the last fold
	key    []byte
}

type dimsRows struct {
	minute, hour       event.Millis
	minuteRow, hourRow *row
}

// maxRows bounds the cache: about 100 MB.
const maxRows = 400 << 10

func openRollups(s *state.Store) (*rollupStore, error) {
	r := &rollupStore{store: s, byDims: map[uint32]*dimsRows{}}
	r.mu.rows = map[string]*row{}
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
	if t := key[1]; state.Time(key[2:]) <= r.newest[t] {
		v, err := r.store.Get(key)
		if err == nil {
			err = x.parse(v)
		} else if errors.Is(err, state.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return nil, fmt.Errorf("read a rollup row: %w", err)
		}
	} else {
		r.newest[t] = state.Time(key[2:])
	}
	r.mu.rows[x.key] = x
	return x, nil
}

// apply adds a change to a row.
func (r *rollupStore) apply(x *row, n *sums, restated bool, rev uint64) {
	for i := range n {
		x.n[i] += n[i]
	}
	x.restated = x.restated || restated
	x.rev, x.used = rev, r.folds
	if !x.dirty {
		x.dirty = true
		r.mu.dirty = append(r.mu.dirty, x)
	}
}

// merge applies the shards' changes and appends them, packed, to packed.
func (r *rollupStore) merge(shards []*shard, rev uint64, packed []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range shards {
		for _, x := range s.deltas.delivery {
			if x.n == (sums{}) {
				continue
			}
			packed = appendDelivery(packed, x)
			if err := r.deliver(x, rev); err != nil {
				return nil, err
			}
		}
		for key, x := range s.deltas.rows {
			if x.n == (sums{}) {
				continue
			}
			packed = appendRow(packed, key, x)
			y, err := r.find([]byte(key))
			if err != nil {
				return nil, err
			}
			r.apply(y, &x.n, x.restated, rev)
		}
		s.deltas.reset()
	}
	return packed, nil
}

// deliver applies a change of delivery to its minute and its hour.
func (r *rollupStore) deliver(x *deliveryDelta, rev uint64) error {
	hour := x.minute.Floor(event.Hour)
	c := r.byDims[x.dims]
	if c == nil {
		c = &dimsRows{minute: event.NoTime, hour: event.NoTime}
		r.byDims[x.dims] = c
	}
	var err error
	if c.minute != x.minute {
		r.key = minuteDeliveryKey(r.key[:0], x.minute, x.d)
		if c.minuteRow, err = r.find(r.key); err != nil {
			return err
		}
		c.minute = x.minute
	}
	if c.hour != hour {
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

// fold writes the rows that changed and forgets the packed changes that they
// now include. changed is called for each row key.
func (r *rollupStore) fold(b *state.Batch, commit uint64, changed func(key []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var value []byte
	for _, x := range r.mu.dirty {
		x.dirty = false
		key := []byte(x.key)
		value = x.appendValue(value[:0], rollups[key[1]].sums)
		b.Set(key, value)
		changed(key)
	}
	r.mu.dirty = r.mu.dirty[:0]
	b.DeleteRange([]byte{byte(state.Deltas)}, deltaKey(commit+1))
	r.folds++
	r.since = 0
	if len(r.mu.rows) > maxRows {
		for k, x := range r.mu.rows {
			if x.used+16 < r.folds {
				delete(r.mu.rows, k)
			}
		}
		r.byDims = map[uint32]*dimsRows{}
	}
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
	b = binary.AppendUvarint(b, uint64(x.dims))
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

// recover brings rows up to date from the packed changes of commits that were
// not folded in before the process ended.
func (r *rollupStore) recover(dict *history.Dict) error {
	var bad error
	err := r.store.Scan([]byte{byte(state.Deltas)}, []byte{byte(state.Deltas) + 1}, func(k, v []byte) bool {
		bad = r.unpack(v, dict)
		return bad == nil
	})
	return errors.Join(err, bad)
}

func (r *rollupStore) unpack(v []byte, dict *history.Dict) error {
	damaged := errors.New("damaged rollup changes")
	if len(v) < 8 {
		return damaged
	}
	rev := binary.BigEndian.Uint64(v)
	v = v[8:]
	for len(v) > 0 {
		if len(v) < 3 {
			return damaged
		}
		kind, flags := v[0], v[1]
		id, k := binary.Uvarint(v[2:])
		if k <= 0 {
			return damaged
		}
		v = v[2+k:]
		var n sums
		switch kind {
		case packedDelivery:
			minute, k := binary.Varint(v)
			if k <= 0 {
				return damaged
			}
			x := &deliveryDelta{deliveryKey: deliveryKey{uint32(id), event.Millis(minute) * event.Minute}, minuteRestated: flags&1 != 0, hourRestated: flags&2 != 0}
			if v = cutSums(v[k:], &x.n); v == nil {
				return damaged
			}
			var err error
			if x.d, err = dict.Get(x.dims); err != nil {
				return err
			}
			if err := r.deliver(x, rev); err != nil {
				return err
			}
		case packedRow:
			if id > uint64(len(v)) || id < 10 {
				return damaged
			}
			x, err := r.find(v[:id])
			if err != nil {
				return err
			}
			if v = cutSums(v[id:], &n); v == nil {
				return damaged
			}
			r.apply(x, &n, flags&1 != 0, rev)
		default:
			return damaged
		}
	}
	return nil
}

// cutSums reads what appendSums wrote and returns the rest, nil if damaged.
func cutSums(v []byte, n *sums) []byte {
	if len(v) == 0 {
		return nil
	}
	mask := v[0]
	v = v[1:]
	for i := range n {
		if mask>>i&1 == 0 {
			continue
		}
		x, k := binary.Varint(v)
		if k <= 0 {
			return nil
		}
		n[i], v = x, v[k:]
	}
	return v[:len(v):len(v)]
}
