package history

import (
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

var anyText = rapid.StringN(0, 12, 40)

// What is written is what is read.
func TestEventsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]event.Kind{event.Impression, event.Click, event.Conversion, event.Behavioural}).Draw(t, "kind")
		e := &Event{
			Ref: event.Ref{
				Time: event.Millis(rapid.Int64Range(0, 253402300799999).Draw(t, "time")), ID: "i" + anyText.Draw(t, "id"),
				Person: anyText.Draw(t, "person"), Type: kind.TypeName(),
			},
			Kind: kind, Dims: rapid.Uint32().Draw(t, "dims"), Amount: event.Micros(rapid.Int64Range(0, int64(event.MaxAmount)).Draw(t, "amount")),
			Reasons: event.Reasons(rapid.Uint16Range(0, 1<<event.NumReasons-1).Draw(t, "reasons")), Shadow: event.Reasons(rapid.Uint16Range(0, 3).Draw(t, "shadow")),
			Dup: rapid.Bool().Draw(t, "dup"), UA: rapid.Uint32().Draw(t, "ua"),
		}
		e.IP = rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::1")}).Draw(t, "ip")
		got, err := ParseEvent(AppendKey(nil, kind, e.Ref), e.AppendValue(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("got %+v; want %+v", got, e)
		}
		value := e.AppendValue(nil)
		if err := new(Event).Parse(value[:rapid.IntRange(0, 1).Draw(t, "cut")]); err == nil {
			t.Fatal("a record that ends early is read without a word")
		}
	})
}

func TestConversionsComeBack(t *testing.T) {
	store, err := state.OpenMemory(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	dict, err := NewDict(store)
	if err != nil {
		t.Fatal(err)
	}
	batch := store.NewBatch()
	names := &event.Event{Campaign: "c", AdGroup: "g", Creative: "k", Channel: "Email", Currency: "EUR"}
	dims, err := dict.Intern(AppendTuple(nil, names), batch)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := event.Millis(rapid.Int64Range(0, 1<<45).Draw(t, "time"))
		c := &Conversion{
			ID: anyText.Draw(t, "id"), Time: at, Person: "u:" + anyText.Draw(t, "person"), Name: "purchase", OrderID: anyText.Draw(t, "order"),
			Original: 12_340_000, Currency: "EUR", Dims: dims.ID, Reasons: event.FastConversion.Set(), Dup: rapid.Bool().Draw(t, "dup"),
			Dropped: rapid.IntRange(0, 1000).Draw(t, "dropped"), SessionID: anyText.Draw(t, "session"), Final: rapid.Bool().Draw(t, "final"),
			Journals: 3, Restated: rapid.Bool().Draw(t, "restated"), Rev: rapid.Uint64().Draw(t, "rev"), Touches: []event.Touch{},
		}
		if rapid.Bool().Draw(t, "adjusted") {
			c.ByOrder = &event.Adjust{Time: at + 5, ID: "a", Restate: true, Amount: 7}
		}
		for range rapid.IntRange(0, 3).Draw(t, "touches") {
			touch := event.Touch{Time: at - 1, ID: anyText.Draw(t, "touch"), Person: c.Person, Type: "click", Dims: dims.ID}
			if rapid.Bool().Draw(t, "of another") {
				touch.Person = "a:x"
			}
			touch.Campaign, touch.AdGroup, touch.Creative, touch.Channel = "c", "g", "k", "Email"
			c.Touches = append(c.Touches, touch)
		}
		got, err := ParseConversion(ConversionKey(nil, c.ID, c.Time), c.AppendValue(nil), dict)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, c) {
			t.Fatalf("got %+v; want %+v", got, c)
		}
	})
}
