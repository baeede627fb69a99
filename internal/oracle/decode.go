package oracle

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
)

// Decoding is what decoding depends on.
type Decoding struct {
	Ignore   []string     // identity.ignore
	Currency string       // money.default_currency
	Lists    *Lists       // nil: none
	Clock    event.Millis // the clock for future_event_time
}

// DefaultDecoding is the contract's, without lists, with no clock to be ahead of.
func DefaultDecoding() Decoding {
	return Decoding{
		Ignore:   []string{"null", "undefined", "unknown", "0", "-1", "00000000-0000-0000-0000-000000000000"},
		Currency: "USD",
		Clock:    event.EndOfTime,
	}
}

const (
	maxRecord    = 1 << 20
	maxEventID   = 128
	maxPersonID  = 256
	aheadOfClock = 5 * event.Minute
)

var (
	typeName     = regexp.MustCompile(`\A[a-z][a-z0-9_]{0,63}\z`)
	integer      = regexp.MustCompile(`\A-?(0|[1-9][0-9]*)\z`)
	currencyCode = regexp.MustCompile(`\A[A-Z]{3}\z`)
	decimal      = regexp.MustCompile(`\A(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?\z`)
	rfc3339      = regexp.MustCompile(`\A([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})\z`)
)

// field is one field of a record as the rules see it.
type field struct {
	state  fieldState
	text   string
	number bool // text is that of a JSON number
}

type fieldState int

const (
	absent fieldState = iota
	present
	wrongType // neither a string nor a number
)

// record gives the fields of an object.
type record map[string]any

func (r record) get(name string) field {
	switch v := r[name].(type) {
	case nil:
		return field{}
	case string:
		if v == "" {
			return field{}
		}
		return field{state: present, text: v}
	case json.Number:
		return field{state: present, text: v.String(), number: true}
	}
	return field{state: wrongType}
}

// str is a field where only a string is right.
func (r record) str(name string) field {
	f := r.get(name)
	if f.number {
		return field{state: wrongType}
	}
	return f
}

// id is a field where an integer means its text.
func (r record) id(name string) field {
	f := r.get(name)
	if f.number && !integer.MatchString(f.text) {
		return field{state: wrongType}
	}
	return f
}

// optional is a field that is dropped when it is wrong.
func (f field) optional() string {
	if f.state == present {
		return f.text
	}
	return ""
}

// DecodeRecord reads one record; impliedType is what the file's name says, or
// empty.
func DecodeRecord(d Decoding, raw []byte, pos event.Position, impliedType string) event.Record {
	dead := func(code event.Code, message string) event.Record {
		if len(raw) > maxRecord {
			raw = raw[:maxRecord]
		}
		return event.Record{Dead: &event.DeadLetter{Pos: pos, Code: code, Message: message, Raw: raw}}
	}
	if len(raw) > maxRecord {
		return dead(event.TooLarge, "over 1 MiB")
	}
	o, err := parseObject(raw)
	if err != nil {
		return dead(event.Malformed, err.Error())
	}
	r := record(o)

	id, typ, at := r.id("event_id"), r.str("type"), r.get("event_time")
	if typ.state == absent && impliedType != "" {
		typ = field{state: present, text: impliedType}
	}
	user, anonymous := d.person(r.id("user_id")), d.person(r.id("anonymous_id"))
	adjusts, kind := r.id("adjusts"), r.str("kind")
	eventKind := event.KindOf(typ.text)
	restate := eventKind == event.Adjustment && kind.text == "restate"

	var missing []string
	need := func(name string, ok bool) {
		if !ok {
			missing = append(missing, name)
		}
	}
	need("event_id", id.state != absent)
	need("type", typ.state != absent)
	need("event_time", at.state != absent)
	switch eventKind {
	case event.Impression, event.Click:
	case event.Adjustment:
		need("adjusts", adjusts.state != absent)
		need("kind", kind.state != absent)
		need("value", !restate || r.get("value").state != absent)
	case event.Identify:
		need("user_id and anonymous_id", user.state != absent && anonymous.state != absent)
	default:
		need("user_id or anonymous_id", user.state != absent || anonymous.state != absent)
	}
	if len(missing) > 0 {
		return dead(event.MissingField, strings.Join(missing, ", "))
	}

	switch {
	case id.state == wrongType || len(id.text) > maxEventID:
		return dead(event.BadField, "event_id")
	case typ.state == wrongType || !typeName.MatchString(typ.text):
		return dead(event.BadField, "type")
	case user.state == wrongType || len(user.text) > maxPersonID:
		return dead(event.BadField, "user_id")
	case anonymous.state == wrongType || len(anonymous.text) > maxPersonID:
		return dead(event.BadField, "anonymous_id")
	case eventKind == event.Adjustment && adjusts.state == wrongType:
		return dead(event.BadField, "adjusts")
	case eventKind == event.Adjustment && kind.text != "retract" && kind.text != "restate":
		return dead(event.BadField, "kind")
	}

	millis, err := eventTime(at)
	if err != nil {
		return dead(event.BadTime, err.Error())
	}

	e := event.Event{
		ID: id.text, Kind: eventKind, Type: typ.text, Time: millis, Restate: restate, Currency: d.Currency,
		UserID: user.text, AnonymousID: anonymous.text, Raw: raw, Pos: pos,
	}
	if restate || eventKind == event.Adjustment {
		e.Currency = ""
	}
	amount := map[event.Kind]string{event.Impression: "cost", event.Click: "cost", event.Conversion: "value"}[eventKind]
	if restate {
		amount = "value"
	}
	if amount != "" {
		if e.Amount, err = micros(r.get(amount)); err != nil {
			return dead(event.BadMoney, amount+" "+err.Error())
		}
		c := r.str("currency")
		if c.state == wrongType || c.state == present && !currencyCode.MatchString(c.text) {
			return dead(event.BadMoney, "currency")
		}
		if c.state == present {
			e.Currency = c.text
		}
	}
	if e.Time > d.Clock.Add(aheadOfClock) {
		return dead(event.FutureEventTime, "more than 5 minutes ahead of the clock")
	}

	if e.AnonymousID != "" {
		e.Person = "a:" + e.AnonymousID
	}
	if e.UserID != "" {
		e.Person = "u:" + e.UserID
	}
	e.AdGroup, e.Creative = r.id("ad_group_id").optional(), r.id("creative_id").optional()
	e.Publisher, e.Country = r.id("publisher_id").optional(), r.str("country").optional()
	e.UserAgent = r.str("user_agent").optional()
	if ip, err := netip.ParseAddr(r.str("ip").optional()); err == nil && ip.Zone() == "" {
		e.IP = ip.Unmap()
	}
	switch eventKind {
	case event.Conversion:
		if e.Name = r.str("conversion_name").optional(); e.Name == "" {
			e.Name = "conversion"
		}
		e.OrderID = r.id("order_id").optional()
	case event.Adjustment:
		e.Adjusts = adjusts.text
	}
	e.Experiments = assignments(r["experiments"])
	describe(&e, r)
	if d.Lists != nil {
		e.Lists = d.Lists.Reasons(&e)
	}
	return event.Record{Event: e}
}

// person takes an id that is in the ignore list for absent.
func (d Decoding) person(f field) field {
	ignored := slices.ContainsFunc(d.Ignore, func(s string) bool { return strings.EqualFold(s, f.text) })
	if f.state == present && ignored {
		return field{}
	}
	return f
}

// eventTime reads RFC 3339 with an offset, or milliseconds.
func eventTime(f field) (event.Millis, error) {
	var ms int64
	switch {
	case f.state == wrongType:
		return 0, errors.New("neither a string nor a number")
	case f.number:
		var err error
		if ms, err = strconv.ParseInt(f.text, 10, 64); err != nil || !integer.MatchString(f.text) {
			return 0, errors.New("not an integer of milliseconds")
		}
		if ms < 1e11 {
			return 0, errors.New("looks like seconds")
		}
	default:
		p := rfc3339.FindStringSubmatch(f.text)
		if p == nil {
			return 0, errors.New("not RFC 3339 with an offset")
		}
		// A leap second is refused by time.Parse, which also checks every part.
		t, err := time.Parse("2006-01-02T15:04:05Z07:00", p[1]+"T"+p[2]+strings.ToUpper(p[4]))
		if err != nil {
			return 0, err
		}
		fraction, _ := strconv.ParseInt((p[3] + "000")[:3], 10, 64)
		ms = t.UnixMilli() + fraction
	}
	first := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	after := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	if ms < first || ms >= after {
		return 0, errors.New("outside the years 1970 to 9999")
	}
	return event.Millis(ms), nil
}

// micros reads an amount exactly; an absent one is 0.
func micros(f field) (event.Micros, error) {
	switch f.state {
	case absent:
		return 0, nil
	case wrongType:
		return 0, errors.New("neither a number nor a string")
	}
	p := decimal.FindStringSubmatch(f.text)
	if p == nil {
		return 0, errors.New("not a decimal number")
	}
	// value = digits x 10^exp micros
	digits := strings.TrimLeft(p[2]+p[3], "0")
	if digits == "" {
		return 0, nil // also -0: it is not less than 0
	}
	if p[1] == "-" {
		return 0, errors.New("negative; did you mean an adjustment?")
	}
	exp := big.NewInt(0)
	if p[4] != "" {
		exp.SetString(strings.TrimPrefix(p[4], "+"), 10)
	}
	exp.Add(exp, big.NewInt(6-int64(len(p[3]))))
	// The number of digits before the point of the amount in micros tells the
	// ones that are far too great or too small without writing them out.
	size := new(big.Int).Add(exp, big.NewInt(int64(len(digits))))
	tooMuch := errors.New("more than 1,000,000,000")
	if size.Cmp(big.NewInt(20)) > 0 {
		return 0, tooMuch
	}
	if size.Sign() < 0 {
		return 0, nil
	}
	n, _ := new(big.Int).SetString(digits, 10)
	amount := new(big.Rat).SetInt(n)
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), new(big.Int).Abs(exp), nil))
	if exp.Sign() < 0 {
		scale.Inv(scale)
	}
	amount.Mul(amount, scale)
	rounded := halfEven(amount)
	if rounded.Cmp(big.NewInt(int64(event.MaxAmount))) > 0 {
		return 0, tooMuch
	}
	return event.Micros(rounded.Int64()), nil
}

// halfEven rounds a number that is not negative.
func halfEven(x *big.Rat) *big.Int {
	floor := new(big.Int).Quo(x.Num(), x.Denom())
	rest := new(big.Rat).Sub(x, new(big.Rat).SetInt(floor))
	c := rest.Cmp(big.NewRat(1, 2))
	if c > 0 || c == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	return floor
}

// assignments keeps the variants that are strings.
func assignments(v any) []event.Assignment {
	o, _ := v.(map[string]any)
	var out []event.Assignment
	for id := range o {
		if variant := record(o).str(id).optional(); variant != "" {
			out = append(out, event.Assignment{Experiment: id, Variant: variant})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Experiment < out[j].Experiment })
	return out
}
