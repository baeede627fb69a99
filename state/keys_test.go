package state

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
)

// anyText draws texts that are hard for an encoding: zeros, its own escapes,
// nothing at all, and texts that begin alike.
func anyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\xff", "\xff\xff", "\x01", "é"}), 0, 4)
		return strings.Join(parts.Draw(t, "parts"), "")
	})
}

// TestTextsOrderLikeTuples: encoded tuples compare as their parts do, and each
// part is read back with the rest untouched.
func TestTextsOrderLikeTuples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tuple := rapid.SliceOfN(anyText(), 2, 2)
		a, b := tuple.Draw(t, "a"), tuple.Draw(t, "b")
		encode := func(parts []string) (out []byte) {
			for _, p := range parts {
				out = AppendText(out, p)
			}
			return out
		}
		if got, want := bytes.Compare(encode(a), encode(b)), slices.Compare(a, b); got != want {
			t.Errorf("%q and %q compare as %d, encoded as %d", a, b, want, got)
		}
		rest := append(encode(a), "tail"...)
		for i, want := range a {
			got, more, err := CutText(rest)
			if err != nil || got != want {
				t.Fatalf("part %d of %q is read as %q, %v", i, a, got, err)
			}
			rest = more
		}
		if string(rest) != "tail" {
			t.Errorf("after %q stands %q, want tail", a, rest)
		}
	})
}

// TestCutTextRefuses what AppendText never writes, and never panics.
func TestCutTextRefuses(t *testing.T) {
	for _, b := range []string{"", "a", "a\x00", "\x00", "\x00\x02", "a\x00\x00\x00\x01", "\x00\xff"} {
		if got, _, err := CutText([]byte(b)); err == nil {
			t.Errorf("%q is read as %q, want an error", b, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.SampledFrom([]byte{0, 1, 2, 0xFF, 'a'})).Draw(t, "bytes")
		got, rest, err := CutText(b)
		if err == nil && !bytes.Equal(append(AppendText(nil, got), rest...), b) {
			t.Errorf("%q is read as %q and %q, which is not what is written so", b, got, rest)
		}
	})
}

// TestTimesOrder, those before 1970 and the ends too.
func TestTimesOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{int64(event.NoTime), int64(event.EndOfTime), -1, 0, 1}))
		a, b := event.Millis(times.Draw(t, "a")), event.Millis(times.Draw(t, "b"))
		x, y := AppendTime(nil, a), AppendTime(nil, b)
		if Time(x) != a || bytes.Compare(x, y) != cmp.Compare(a, b) {
			t.Errorf("%d is read back as %d; it and %d compare as %d", a, Time(x), b, bytes.Compare(x, y))
		}
	})
}

// drawKey draws a key and the prefix that Split must find.
func drawKey(t *rapid.T) (key, prefix []byte) {
	name := rapid.OneOf(anyText(), rapid.Just(strings.Repeat("x", 256))).Draw(t, "name")
	rest := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xFF}), 0, 12).Draw(t, "rest")
	at := event.Millis(rapid.SampledFrom([]int64{0, 1, int64(HistoryBucket) - 1, int64(HistoryBucket), 1_772_323_200_000}).Draw(t, "at"))
	switch s := rapid.SampledFrom([]Space{Impressions, History, Velocity, Refs, Links, Members, SessionsOf, Conversions, Meta}).Draw(t, "space"); s {
	case Impressions:
		prefix = AppendBucketed(nil, s, ImpressionBucket, at, name)
		rest = append(AppendOffset(nil, ImpressionBucket, at), rest...)
	case History:
		prefix = AppendBucketed(nil, s, HistoryBucket, at, name)
		rest = append(AppendOffset(nil, HistoryBucket, at), rest...)
	case Velocity:
		prefix = append([]byte{byte(s), 0, 0, 0, byte(at)}, bytes.Repeat([]byte{byte(len(name))}, VelocityKey)...)
	case Refs, Links, Members, SessionsOf:
		prefix = AppendPrefixed(nil, s, name)
	default: // without a prefix of its own: all of it
		prefix, rest = append([]byte{byte(s)}, rest...), nil
	}
	return append(slices.Clone(prefix), rest...), prefix
}

// TestSplitFindsThePrefix of every kind of key, and of the prefix itself.
func TestSplitFindsThePrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, prefix := drawKey(t)
		if got := split(key); got != len(prefix) {
			t.Errorf("%q is split after %d bytes, want %d", key, got, len(prefix))
		}
		if got := split(prefix); got != len(prefix) {
			t.Errorf("the prefix %q is split after %d bytes, want all %d", prefix, got, len(prefix))
		}
	})
}

// TestSplitKeepsOrder is what the database asks of a Comparer, for keys of ours
// and for any bytes: keys order by prefix first, and a prefix alone comes before
// all keys that have it.
func TestSplitKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []byte {
			if rapid.Bool().Draw(t, name+" is ours") {
				key, _ := drawKey(t)
				return key[:rapid.IntRange(0, len(key)).Draw(t, "length")]
			}
			letters := rapid.SampledFrom([]byte{byte(Impressions), byte(Refs), byte(Velocity), byte(Meta), 0, 1, 2, 0xFF})
			return rapid.SliceOfN(letters, 0, 14).Draw(t, name)
		}
		a, b := draw("a"), draw("b")
		n, m := split(a), split(b)
		if n > len(a) || m > len(b) {
			t.Fatalf("split after %d of %d and %d of %d bytes", n, len(a), m, len(b))
		}
		if c := bytes.Compare(a[:n], b[:m]); c != 0 && c != bytes.Compare(a, b) {
			t.Errorf("prefixes of %q and %q compare as %d, the keys as %d", a, b, c, bytes.Compare(a, b))
		}
		if split(a[:n]) != n {
			t.Errorf("the prefix of %q has %d bytes, its own prefix %d", a, n, split(a[:n]))
		}
	})
}

// TestLongTextsStayApart: of a text too long for a key its hash tells it from
// others that begin alike.
func TestLongTextsStayApart(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	seen := map[string]int{}
	for i, text := range []string{long, long + "y", long + "z", long[:maxPrefixed], long[:maxPrefixed+1]} {
		key := AppendPrefixed(nil, Refs, text)
		if split(append(key, 'k')) != len(key) {
			t.Errorf("text %d: split after %d bytes, want %d", i, split(append(key, 'k')), len(key))
		}
		if other, ok := seen[string(key)]; ok {
			t.Errorf("texts %d and %d have one key", other, i)
		}
		seen[string(key)] = i
	}
}

// TestAfter is greater than all keys with the prefix, and than nothing else that
// is not smaller than them.
func TestAfter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0xFE, 0xFF}), 0, 4)
		prefix, key := letters.Draw(t, "prefix"), letters.Draw(t, "key")
		end := After(prefix)
		in := bytes.Compare(key, prefix) >= 0 && (end == nil || bytes.Compare(key, end) < 0)
		if in != bytes.HasPrefix(key, prefix) {
			t.Errorf("%q lies in [%q, %q): %v", key, prefix, end, in)
		}
	})
}
