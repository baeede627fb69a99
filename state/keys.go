package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tributary-data/tributary/event"
)

// Space is the first byte of every key: which kind of record it is.
type Space byte

// The key spaces. Their bytes stand in every data directory: never reuse one.
const (
	Meta        Space = 'M' // name -> value
	DimsByID    Space = 'D' // id -> dimension tuple
	DimsByTuple Space = 'd' // dimension tuple -> id
	Impressions Space = 'I' // bucket, person | time, event id
	History     Space = 'H' // bucket, person | time, event id, type
	Velocity    Space = 'W' // bucket, rule key | time, event id, person
	Refs        Space = 'N' // event id, order id or adjusted id | kind, ...
	Links       Space = 'B' // anonymous id | time, event id of identify
	Members     Space = 'b' // user id | anonymous id
	SessionsOf  Space = 's' // person | start
	SessionIDs  Space = 'S' // session id -> person, start
	Conversions Space = 'C' // conversion id, time
	Pending     Space = 'P' // event time, conversion: not final yet
	Expiry      Space = 'x' // due time, adjustment that waits for its conversion
	Rollups     Space = 'R' // table, window, dimensions
	Deltas      Space = 'T' // commit: rollup changes not folded in yet
	Journal     Space = 'J' // journal id
	Verdicts    Space = 'V' // event id, time, person, type
	LateEvents  Space = 'L' // event id, time, position
	DeadLetters Space = 'X' // position
	Outbox      Space = 'O' // commit, n -> table and key
	Cursors     Space = 'K' // sink name -> epoch and commit
	ConvTimes   Space = 'c' // event time, conversion id: conversions in order of time
	SessionEnds Space = 'e' // session end, session id: sessions in order of time
)

// Buckets of event time, by which old events are dropped as ranges.
const (
	ImpressionBucket = 6 * event.Hour
	HistoryBucket    = 7 * event.Day
)

// AppendBucketed appends the prefix of a person's events in the bucket that
// holds t: everything up to what Split cuts off.
func AppendBucketed(b []byte, s Space, width, t event.Millis, person string) []byte {
	b = append(b, byte(s))
	b = binary.BigEndian.AppendUint32(b, uint32(t/width))
	b = binary.BigEndian.AppendUint16(b, uint16(len(person)))
	return append(b, person...)
}

// AppendOffset appends the time within its bucket.
func AppendOffset(b []byte, width, t event.Millis) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(t%width))
}

// maxPrefixed is the longest text that AppendPrefixed keeps as it is.
const maxPrefixed = 1 << 10

// AppendPrefixed appends a space and a text whose end Split can find. Of a text
// that no sane producer sends, such as an order id of 10 KB, the hash stands for
// its tail.
func AppendPrefixed(b []byte, s Space, text string) []byte {
	if len(text) > maxPrefixed {
		h := sha256.Sum256([]byte(text))
		text = text[:maxPrefixed] + string(h[:])
	}
	b = append(b, byte(s))
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// AppendTime appends a time so that bytes order as times do.
func AppendTime(b []byte, t event.Millis) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t)^1<<63)
}

// Time reads what AppendTime wrote.
func Time(b []byte) event.Millis {
	return event.Millis(binary.BigEndian.Uint64(b) ^ 1<<63)
}

// AppendText appends a text of any bytes, ended so that tuples order as their
// parts do: 0x00 is written 0x00 0xFF, the end 0x00 0x01.
func AppendText(b []byte, s string) []byte {
	for {
		i := bytesIndexZero(s)
		if i < 0 {
			b = append(b, s...)
			return append(b, 0, 1)
		}
		b = append(b, s[:i]...)
		b = append(b, 0, 0xFF)
		s = s[i+1:]
	}
}

func bytesIndexZero(s string) int {
	for i := range len(s) {
		if s[i] == 0 {
			return i
		}
	}
	return -1
}

var errKey = errors.New("malformed key")

// CutText reads what AppendText wrote and returns the rest.
func CutText(b []byte) (string, []byte, error) {
	var out []byte
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		switch b[i+1] {
		case 1:
			if out == nil {
				return string(b[:i]), b[i+2:], nil
			}
			return string(append(out, b[:i]...)), b[i+2:], nil
		case 0xFF:
			out = append(out, b[:i+1]...)
			b = b[i+2:]
			i = -1
		default:
			return "", nil, errKey
		}
	}
	return "", nil, errKey
}

// split cuts off what differs within one person, rule key or reference, so that
// Bloom filters answer for the whole prefix. Spaces without such a prefix, and
// bytes that are no key of ours, are all prefix.
func split(k []byte) int {
	if len(k) < 3 {
		return len(k)
	}
	n := len(k)
	switch Space(k[0]) {
	case Impressions, History:
		if len(k) >= 7 {
			n = 7 + int(binary.BigEndian.Uint16(k[5:]))
		}
	case Velocity:
		n = 1 + 4 + VelocityKey
	case Refs, Links, Members, SessionsOf:
		n = 3 + int(binary.BigEndian.Uint16(k[1:]))
	}
	return min(n, len(k))
}

// VelocityKey is the length of a hashed rule key in the space Velocity; the
// bucket, a day, stands before it.
const VelocityKey = 16

// VelocityBucket is the width of the buckets by which rule keys expire.
const VelocityBucket = event.Day

// comparer orders keys bytewise; only its Split is ours. The name stands in
// every data directory. Separators are not shortened: a shortened one could
// split elsewhere than the key that it stands for.
var comparer = &pebble.Comparer{
	Name:                 "tributary.v1",
	Compare:              bytes.Compare,
	Equal:                bytes.Equal,
	ComparePointSuffixes: bytes.Compare,
	CompareRangeSuffixes: bytes.Compare,
	AbbreviatedKey:       pebble.DefaultComparer.AbbreviatedKey,
	FormatKey:            pebble.DefaultComparer.FormatKey,
	Separator:            func(dst, a, _ []byte) []byte { return append(dst, a...) },
	Successor:            func(dst, a []byte) []byte { return append(dst, a...) },
	ImmediateSuccessor:   func(dst, a []byte) []byte { return append(append(dst, a...), 0) },
	Split:                split,
}

// After returns the smallest key that is greater than every key with the prefix.
func After(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xFF {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
