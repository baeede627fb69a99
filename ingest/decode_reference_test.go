package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tributary-data/tributary/channel"
	"github.com/tributary-data/tributary/event"
)

var (
	integer      = regexp.MustCompile(`^-?\d+$`)
	typeName     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)
	escape       = regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|.)`)
)

// reference decodes a record slowly and obviously, by encoding/json, math/big
// and regular expressions, rule after rule as the contract has them. What it
// says of a record, Decode must say too.
func reference(raw []byte, implied string, clock event.Millis) (event.Code, *event.Event) {
	if len(raw) > 1<<20 {
		return event.TooLarge, nil
	}
	obj, ok := referenceObject(raw)
	if !ok {
		return event.Malformed, nil
	}
	present := func(f string) bool { v, there := obj[f]; return there && v != nil && v != "" }
	id := func(f string) (string, bool) { // a string, or an integer
		switch v := obj[f].(type) {
		case nil:
			return "", true
		case string:
			return v, true
		case json.Number:
			return v.String(), integer.MatchString(v.String())
		}
		return "", false
	}
	str := func(f string) (string, bool) {
		switch v := obj[f].(type) {
		case nil:
			return "", true
		case string:
			return v, true
		}
		return "", false
	}
	optional := func(f string, read func(string) (string, bool)) string {
		if s, ok := read(f); ok {
			return s
		}
		return ""
	}
	ignored := func(s string) bool {
		for _, w := range DefaultDecodeConfig().Ignore {
			if strings.EqualFold(s, w) {
				return true
			}
		}
		return false
	}

	e := &event.Event{Type: implied}
	typeOK := true
	if present("type") {
		e.Type, typeOK = str("type")
	}
	e.Kind = event.KindOf(e.Type)
	user, userOK := id("user_id")
	if ignored(user) {
		user = ""
	}
	anonymous, anonymousOK := id("anonymous_id")
	if ignored(anonymous) {
		anonymous = ""
	}
	hasUser, hasAnonymous := user != "" || !userOK, anonymous != "" || !anonymousOK
	kind, kindOK := str("kind")

	switch {
	case !present("event_id"), !present("type") && implied == "", !present("event_time"):
		return event.MissingField, nil
	case e.Kind == event.Identify && !(hasUser && hasAnonymous):
		return event.MissingField, nil
	case e.Kind == event.Adjustment && (!present("adjusts") || !present("kind") || kind == "restate" && !present("value")):
		return event.MissingField, nil
	case (e.Kind == event.Conversion || e.Kind == event.Behavioural) && !hasUser && !hasAnonymous:
		return event.MissingField, nil
	}

	eid, idOK := id("event_id")
	adjusts, adjustsOK := id("adjusts")
	switch {
	case !idOK, len(eid) > 128, !typeOK, !typeName.MatchString(e.Type):
		return event.BadField, nil
	case !userOK, len(user) > 256, !anonymousOK, len(anonymous) > 256:
		return event.BadField, nil
	case e.Kind == event.Adjustment && (!adjustsOK || !kindOK || kind != "retract" && kind != "restate"):
		return event.BadField, nil
	}
	e.ID, e.UserID, e.AnonymousID = eid, user, anonymous
	if user != "" {
		e.Person = "u:" + user
	} else if anonymous != "" {
		e.Person = "a:" + anonymous
	}
	if e.Kind == event.Adjustment {
		e.Adjusts, e.Restate = adjusts, kind == "restate"
	}

	switch v := obj["event_time"].(type) {
	case string:
		if e.Time, ok = referenceTime(v); !ok {
			return event.BadTime, nil
		}
	case json.Number:
		n, ok := new(big.Int).SetString(v.String(), 10)
		if !ok || n.Cmp(big.NewInt(100_000_000_000)) < 0 || n.Cmp(big.NewInt(253402300799999)) > 0 {
			return event.BadTime, nil
		}
		e.Time = event.Millis(n.Int64())
	default:
		return event.BadTime, nil
	}

	e.Currency = "USD"
	if e.Kind == event.Adjustment {
		e.Currency = ""
	}
	money := map[event.Kind]string{event.Impression: "cost", event.Click: "cost", event.Conversion: "value"}[e.Kind]
	if e.Restate {
		money = "value"
	}
	if money != "" {
		if present(money) {
			s := ""
			switch v := obj[money].(type) {
			case string:
				s = v
			case json.Number:
				s = v.String()
			}
			if e.Amount, _, ok = referenceDecimal(s); !ok {
				return event.BadMoney, nil
			}
		}
		if present("currency") {
			c, ok := str("currency")
			if !ok || !currencyCode.MatchString(c) {
				return event.BadMoney, nil
			}
			e.Currency = c
		}
	}
	if e.Time-clock > 5*60*1000 {
		return event.FutureEventTime, nil
	}

	if e.Kind == event.Conversion {
		if e.Name = optional("conversion_name", str); e.Name == "" {
			e.Name = "conversion"
		}
		e.OrderID = optional("order_id", id)
	}
	e.Campaign, e.AdGroup = optional("campaign_id", id), optional("ad_group_id", id)
	e.Creative, e.Publisher = optional("creative_id", id), optional("publisher_id", id)
	e.Country, e.UserAgent = optional("country", str), optional("user_agent", str)
	if ip, err := netip.ParseAddr(optional("ip", str)); err == nil && ip.Zone() == "" {
		e.IP = ip.Unmap()
	}
	o := channel.Fill(channel.Origin{Source: optional("source", str), Medium: optional("medium", str), Campaign: optional("campaign", str)},
		optional("page_url", str), optional("referrer", str))
	if e.Campaign == "" {
		e.Campaign = o.ID
	}
	if e.Campaign == "" {
		e.Campaign = o.Campaign
	}
	if e.Channel = optional("channel", str); e.Channel == "" {
		e.Channel = channel.Group(o.Source, o.Medium, o.Campaign, e.Kind == event.Impression || e.Kind == event.Click)
	}
	if experiments, ok := obj["experiments"].(map[string]any); ok {
		for name, v := range experiments {
			if s, ok := v.(string); ok && s != "" && name != "" {
				e.Experiments = append(e.Experiments, event.Assignment{Experiment: name, Variant: s})
			}
		}
		sort.Slice(e.Experiments, func(i, j int) bool { return e.Experiments[i].Experiment < e.Experiments[j].Experiment })
	}
	return "", e
}

func referenceObject(raw []byte) (map[string]any, bool) {
	if !utf8.Valid(raw) || !json.Valid(raw) || !referenceShape(raw) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	obj, ok := v.(map[string]any)
	return obj, ok
}

// referenceShape looks for what encoding/json allows and the contract does not:
// deep nesting and half surrogates.
func referenceShape(raw []byte) bool {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			if depth++; depth > 64 {
				return false
			}
		case '}', ']':
			depth--
		case '"':
			start := i
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
			quoted := string(raw[start : i+1])
			u := escape.FindAllStringIndex(quoted, -1)
			high := -1 // where a low surrogate must follow
			for _, at := range u {
				n := uint64(0)
				if at[1]-at[0] == 6 {
					n, _ = strconv.ParseUint(quoted[at[0]+2:at[1]], 16, 32)
				}
				low := n >= 0xdc00 && n < 0xe000
				if high >= 0 && (at[0] != high || !low) || high < 0 && low {
					return false
				}
				if high = -1; n >= 0xd800 && n < 0xdc00 {
					high = at[1]
				}
			}
			if high >= 0 {
				return false
			}
		}
	}
	return true
}

var rfc3339 = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$`)

func referenceTime(s string) (event.Millis, bool) {
	m := rfc3339.FindStringSubmatch(s)
	if m == nil || m[4] > "+23:59" && m[4] < "," || m[4] > "-23:59" && m[4] < "." || len(m[4]) == 6 && m[4][4:] > "59" {
		return 0, false
	}
	frac := m[3]
	if len(frac) > 4 {
		frac = frac[:4]
	}
	t, err := time.Parse(time.RFC3339, m[1]+"T"+m[2]+frac+strings.ToUpper(m[4]))
	if err != nil || t.UTC().Year() < 1970 || t.UTC().Year() > 9999 {
		return 0, false
	}
	return event.Millis(t.UnixMilli()), true
}

var jsonNumber = regexp.MustCompile(`^(-?)(0|[1-9]\d*)(\.\d+)?(?:[eE]([+-]?\d+))?$`)

// referenceDecimal gives the amount, whether it was rounded, and whether it is
// one, by exact fractions.
func referenceDecimal(s string) (event.Micros, bool, bool) {
	m := jsonNumber.FindStringSubmatch(s)
	if m == nil {
		return 0, false, false
	}
	digits := m[2]
	fraction := 0
	if m[3] != "" {
		digits += m[3][1:]
		fraction = len(m[3]) - 1
	}
	exp := big.NewInt(0)
	if m[4] != "" {
		exp.SetString(strings.TrimPrefix(m[4], "+"), 10)
	}
	exp.Sub(exp, big.NewInt(int64(fraction)))
	rounded := exp.Cmp(big.NewInt(-6)) < 0
	n, _ := new(big.Int).SetString(digits, 10)
	if n.Sign() == 0 {
		return 0, rounded, true
	}
	if m[1] == "-" {
		return 0, rounded, false
	}
	limit := big.NewInt(int64(len(digits)) + 40)
	if exp.CmpAbs(limit) > 0 { // far too large, or nothing at all
		return 0, rounded, exp.Sign() < 0
	}
	micros := new(big.Rat).SetInt(n)
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), new(big.Int).Abs(exp), nil))
	if exp.Sign() < 0 {
		scale.Inv(scale)
	}
	micros.Mul(micros, scale).Mul(micros, big.NewRat(1_000_000, 1))
	q, rest := new(big.Int).QuoRem(micros.Num(), micros.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(micros.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	if q.Cmp(big.NewInt(int64(event.MaxAmount))) > 0 {
		return 0, rounded, false
	}
	return event.Micros(q.Int64()), rounded, true
}

// differ compares Decode with the reference and says where they part.
func differ(d *Decoder, raw []byte, implied string) string {
	const clock = event.Millis(1775865600000)
	var out event.Record
	pos := event.Position{Prefix: "f:", N: 1}
	d.Decode(raw, implied, clock, pos, &out)
	code, want := reference(raw, implied, clock)
	if out.Dead != nil {
		if out.Dead.Code != code {
			return fmt.Sprintf("code %s (%s), want %q", out.Dead.Code, out.Dead.Message, code)
		}
		if n := len(out.Dead.Message); n == 0 || n > maxMessage || !utf8.ValidString(out.Dead.Message) {
			return fmt.Sprintf("message of %d bytes: %q", n, out.Dead.Message)
		}
		return ""
	}
	if want == nil {
		return fmt.Sprintf("an event, want %s", code)
	}
	got := out.Event
	if string(got.Raw) != string(raw) || got.Pos != pos {
		return "Raw or Pos differ"
	}
	got.Raw, got.Pos = nil, event.Position{}
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", *want); g != w {
		return "\n got " + g + "\nwant " + w
	}
	return ""
}
