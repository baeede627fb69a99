package ingest

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tributary-data/tributary/channel"
	"github.com/tributary-data/tributary/event"
)

// The greatest lengths, in bytes.
const (
	maxEventID = 128
	maxPerson  = 256
	maxType    = 64
	maxMessage = 200
)

// maxAhead is how far ahead of the clock an event may be.
const maxAhead = 5 * event.Minute

// refusal is why a record is a dead letter; code is empty when it is none.
type refusal struct {
	code    event.Code
	message string
}

func refuse(code event.Code, parts ...string) refusal {
	return refusal{code, clip(strings.Join(parts, ""), maxMessage)}
}

// finish applies the rules to the slots.
func (d *Decoder) finish(raw []byte, implied string, clock event.Millis, pos event.Position, out *event.Record) {
	*out = event.Record{}
	if r := d.rules(implied, clock, &out.Event); r.code != "" {
		out.Event = event.Event{}
		out.Dead = &event.DeadLetter{Pos: pos, Code: r.code, Message: r.message, Raw: raw}
		return
	}
	out.Event.Raw = raw
	out.Event.Pos = pos
}

// rules fills e, whose fields are empty, or says why it cannot. The order of
// the steps is the order of the codes: all of missing_field before any of
// bad_field, and so on. What only counts is read last, so that a dead letter
// counts nothing.
func (d *Decoder) rules(implied string, clock event.Millis, e *event.Event) refusal {
	e.Type = implied
	typeOK := true
	if d.present(fType) {
		if e.Type, typeOK = d.text(fType); !typeOK {
			e.Type = "" // of a wrong type, and so of no known name
		}
	}
	e.Kind = event.KindOf(e.Type)

	userOK, anonymousOK := d.person(e)
	if r := d.missing(e, userOK, anonymousOK); r.code != "" {
		return r
	}
	if r := d.badFields(e, typeOK, userOK, anonymousOK); r.code != "" {
		return r
	}
	if r := d.time(e); r.code != "" {
		return r
	}
	rounded, r := d.money(e)
	if r.code != "" {
		return r
	}
	if e.Time > clock.Add(maxAhead) {
		return refuse(event.FutureEventTime, "event_time ", e.Time.String(), " is more than 5 minutes ahead of the clock (", clock.String(),
			"): correct the sender's clock, or for a replay set --as-of")
	}
	if rounded {
		d.stats.rounded++
	}
	d.rest(e)
	return refusal{}
}

// person reads both ids and takes the person from them. An id that is not ok
// is of a wrong type or too long: it is there, but cannot be used.
func (d *Decoder) person(e *event.Event) (userOK, anonymousOK bool) {
	if e.UserID, userOK = d.id(fUserID); userOK && e.UserID != "" {
		e.Person = d.arena.prefixed("u:", e.UserID)
		e.UserID = e.Person[2:]
	}
	if e.AnonymousID, anonymousOK = d.id(fAnonymousID); anonymousOK && e.AnonymousID != "" && e.Person == "" && userOK {
		e.Person = d.arena.prefixed("a:", e.AnonymousID)
		e.AnonymousID = e.Person[2:]
	}
	return userOK, anonymousOK
}

func (d *Decoder) id(f field) (string, bool) {
	s, ok := d.text(f)
	if s == "" || !ok {
		return "", ok
	}
	if d.ignored[s[0]] {
		for _, word := range d.ignore {
			if strings.EqualFold(s, word) {
				return "", true
			}
		}
	}
	return s, len(s) <= maxPerson
}

func (d *Decoder) missing(e *event.Event, userOK, anonymousOK bool) refusal {
	switch {
	case !d.present(fEventID):
		return refuse(event.MissingField, "event_id is missing: give each event an id of its own, 1 to 128 bytes long")
	case e.Type == "" && !d.present(fType):
		return refuse(event.MissingField, "type is missing and the name of the topic or file implies none: add it, for example \"type\":\"click\"")
	case !d.present(fEventTime):
		return refuse(event.MissingField, "event_time is missing: add it as RFC 3339 with an offset, or as integer milliseconds")
	}
	user, anonymous := e.UserID != "" || !userOK, e.AnonymousID != "" || !anonymousOK
	switch e.Kind {
	case event.Impression, event.Click:
	case event.Identify:
		if !user || !anonymous {
			return refuse(event.MissingField, absent(user), " is missing: identify links an anonymous_id to a user_id and needs both (ignored values such as \"null\" count as missing)")
		}
	case event.Adjustment:
		if !d.present(fAdjusts) {
			return refuse(event.MissingField, "adjusts is missing: give the event_id of the conversion, or its order_id")
		}
		if !d.present(fKind) {
			return refuse(event.MissingField, "kind is missing: say \"retract\", or \"restate\" with the new value")
		}
		if s, _ := d.text(fKind); s == "restate" && !d.present(fValue) {
			return refuse(event.MissingField, "value is missing: a restate gives the conversion's new total; to take it back, use \"kind\":\"retract\"")
		}
	default:
		if !user && !anonymous {
			return refuse(event.MissingField, "user_id and anonymous_id are missing: this type needs one of them (ignored values such as \"null\" count as missing)")
		}
	}
	return refusal{}
}

func absent(user bool) string {
	if user {
		return "anonymous_id"
	}
	return "user_id"
}

func (d *Decoder) badFields(e *event.Event, typeOK, userOK, anonymousOK bool) refusal {
	id, ok := d.text(fEventID)
	switch {
	case !ok:
		return d.wrongType(fEventID, "a string")
	case len(id) > maxEventID:
		return refuse(event.BadField, "event_id is ", strconv.Itoa(len(id)), " bytes long; the limit is 128: shorten or hash it")
	case !typeOK:
		return d.wrongType(fType, "a string")
	case e.Kind == event.Behavioural && !validType(e.Type):
		return refuse(event.BadField, "type ", sample(e.Type), " is no event type: use a lower-case letter, then lower-case letters, digits and _, 64 at most")
	case !userOK:
		return d.badID(fUserID)
	case !anonymousOK:
		return d.badID(fAnonymousID)
	}
	e.ID = id
	if e.Kind != event.Adjustment {
		return refusal{}
	}
	if e.Adjusts, ok = d.text(fAdjusts); !ok {
		return d.wrongType(fAdjusts, "a string")
	}
	switch s, ok := d.text(fKind); {
	case !ok:
		return d.wrongType(fKind, "\"retract\" or \"restate\"")
	case s == "restate":
		e.Restate = true
	case s != "retract":
		return refuse(event.BadField, "kind ", sample(s), " is unknown: use \"retract\", or \"restate\" with the new value")
	}
	return refusal{}
}

func (d *Decoder) badID(f field) refusal {
	if s, ok := d.text(f); ok {
		return refuse(event.BadField, fieldNames[f], " is ", strconv.Itoa(len(s)), " bytes long; the limit is 256: shorten or hash it")
	}
	return d.wrongType(f, "a string")
}

func (d *Decoder) wrongType(f field, want string) refusal {
	return refuse(event.BadField, fieldNames[f], " is ", d.found(f), "; it must be ", want)
}

// found names what was sent for a field.
func (d *Decoder) found(f field) string {
	switch v := d.slots[f]; v.kind {
	case kObject:
		return "an object"
	case kArray:
		return "an array"
	case kBool:
		return "a boolean"
	case kInt, kNumber:
		return "the number " + clip(v.s, 32)
	default:
		return sample(v.s)
	}
}

func validType(s string) bool {
	if len(s) == 0 || len(s) > maxType || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

func (d *Decoder) time(e *event.Event) refusal {
	v := &d.slots[fEventTime]
	s, ok := d.text(fEventTime)
	switch {
	case ok && !(d.cells && isInteger(s)):
		t, ok := parseTime(s)
		if !ok {
			return refuse(event.BadTime, "event_time ", sample(s), " is not RFC 3339 with an offset: write 2026-02-01T12:30:00.250Z or ...+01:00 (no leap second), or milliseconds")
		}
		e.Time = t
	case v.kind == kMillis:
		e.Time = parseMillis(v.s)
	case v.kind == kInt || ok:
		if ok {
			v.s = s
		}
		if e.Time = parseMillis(v.s); e.Time < leastMillis {
			return refuse(event.BadTime, "event_time ", clip(v.s, 32), " looks like seconds: send milliseconds (an integer of at least 100000000000), or RFC 3339")
		}
	case v.kind == kNumber:
		return refuse(event.BadTime, "event_time ", clip(v.s, 32), " is not an integer: send whole milliseconds without fraction or exponent, or RFC 3339")
	case v.kind == kBadTime:
		return refuse(event.BadTime, "event_time ", sample(v.s), " does not fit the time layout of the mapping: correct `time` under ingest.mappings")
	default:
		return refuse(event.BadTime, "event_time is ", d.found(fEventTime), "; it must be RFC 3339 with an offset, or integer milliseconds")
	}
	if e.Time < minTime || e.Time > maxTime {
		return refuse(event.BadTime, "event_time ", d.found(fEventTime), " is not in the years 1970 to 9999 (UTC): correct the sender")
	}
	return refusal{}
}

func isInteger(s string) bool {
	b := view(s)
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	return len(b) > i && digits(b, i) == len(b)
}

// money reads the amount and its currency where the kind has them.
func (d *Decoder) money(e *event.Event) (rounded bool, r refusal) {
	f := fValue
	switch e.Kind {
	case event.Impression, event.Click:
		f = fCost
	case event.Conversion:
	case event.Adjustment:
		if !e.Restate {
			return false, r
		}
	default:
		e.Currency = d.currency
		return false, r
	}
	if d.present(f) {
		s, ok := d.text(f)
		if k := d.slots[f].kind; k == kInt || k == kNumber {
			s, ok = d.slots[f].s, true
		}
		if !ok {
			return false, refuse(event.BadMoney, fieldNames[f], " is ", d.found(f), "; it must be a number such as 12.34, or a string of one")
		}
		var fault decimalFault
		switch e.Amount, rounded, fault = parseDecimal(s); fault {
		case decimalSyntax:
			return false, refuse(event.BadMoney, fieldNames[f], " ", sample(s), " is not a decimal number: write 12.34, without currency sign, blanks or thousands separators")
		case decimalNegative:
			return false, refuse(event.BadMoney, fieldNames[f], " ", sample(s), " is negative: to take money back, send an adjustment (kind retract or restate)")
		case decimalLarge:
			return false, refuse(event.BadMoney, fieldNames[f], " ", sample(s), " is more than 1,000,000,000 units: was it sent in micros or cents?")
		}
	}
	if !d.present(fCurrency) {
		if e.Kind != event.Adjustment {
			e.Currency = d.currency
		}
		return rounded, r
	}
	s, ok := d.text(fCurrency)
	if !ok || !isCurrency(s) {
		return false, refuse(event.BadMoney, "currency ", d.found(fCurrency), " is no currency code: use three capital letters, such as USD")
	}
	e.Currency = s
	return rounded, r
}

func isCurrency(s string) bool {
	return len(s) == 3 && s[0]-'A' < 26 && s[1]-'A' < 26 && s[2]-'A' < 26
}

// rest reads what is optional: what is wrong is left out and counted.
func (d *Decoder) rest(e *event.Event) {
	if e.Kind != event.Behavioural {
		e.Type = e.Kind.TypeName() // a constant, instead of a part of the record
	}
	if e.Kind == event.Conversion {
		if e.Name = d.optional(fConversionName); e.Name == "" {
			e.Name = "conversion"
		}
		e.OrderID = d.optional(fOrderID)
	}
	e.Campaign = d.optional(fCampaignID)
	e.AdGroup = d.optional(fAdGroupID)
	e.Creative = d.optional(fCreativeID)
	e.Publisher = d.optional(fPublisherID)
	e.Country = d.optional(fCountry)
	e.UserAgent = d.optional(fUserAgent)
	if s := d.optional(fIP); s != "" {
		if e.IP = parseIP(s); !e.IP.IsValid() {
			d.stats.dropped[fIP]++
		}
	}
	d.origin(e)

	// Not kept, and so only looked at: most records have none of these.
	const unkept = 1<<fTerm | 1<<fContent | 1<<fDeviceID | 1<<fProperties | 1<<fExperiments
	if d.have&unkept == 0 {
		return
	}
	d.optional(fTerm)
	d.optional(fContent)
	d.optional(fDeviceID)
	d.object(fProperties)
	e.Experiments = d.experiments()
}

// origin fills the channel and the campaign. The addresses are only read when
// something is missing that they may say.
func (d *Decoder) origin(e *event.Event) {
	e.Channel = d.optional(fChannel)
	o := channel.Origin{Source: d.optional(fSource), Medium: d.optional(fMedium), Campaign: d.optional(fCampaign)}
	page, referrer := d.optional(fPageURL), d.optional(fReferrer)
	if e.Channel != "" && e.Campaign != "" {
		return
	}
	if page != "" || referrer != "" {
		o = channel.Fill(o, page, referrer)
	}
	if e.Campaign == "" {
		if e.Campaign = o.ID; o.ID == "" {
			e.Campaign = o.Campaign
		}
	}
	if e.Channel == "" {
		e.Channel = channel.Group(o.Source, o.Medium, o.Campaign, e.Kind == event.Impression || e.Kind == event.Click)
	}
}

// parseIP reads an address; one with a zone names no host to anybody else, and
// is none.
func parseIP(s string) netip.Addr {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Addr{}
	}
	return ip.Unmap()
}

// object gives the text of a field that is an object; cells hold it as text.
func (d *Decoder) object(f field) string {
	if !d.present(f) {
		return ""
	}
	if v := &d.slots[f]; v.kind == kObject {
		return v.s
	}
	if s, ok := d.text(f); ok && d.cells {
		b := view(s)
		if i := blanks(b, 0); i < len(b) && b[i] == '{' && utf8.Valid(b) {
			if end, _, f := skipNested(b, i); f.what == "" && blanks(b, end) == len(b) {
				return s[i:end]
			}
		}
	}
	d.stats.dropped[f]++
	return ""
}

// experiments reads the assignments, sorted by experiment. A variant that is
// null or empty is absent; one that is no string is left out and counted. Of
// repeated keys the last counts, also when it is absent.
func (d *Decoder) experiments() []event.Assignment {
	s := d.object(fExperiments)
	if s == "" {
		return nil
	}
	type entry struct {
		event.Assignment
		wrong bool
	}
	var all []entry
	b := view(s)
	for i := blanks(b, 1); b[i] == '"'; {
		end, escaped := scanString(b, i+1)
		e := entry{}
		if e.Experiment = text(b[i+1 : end]); escaped {
			e.Experiment = d.unescape(e.Experiment)
		}
		start := blanks(b, blanks(b, end+1)+1)
		end, k, _ := scanValue(b, start)
		switch k {
		case kString:
			e.Variant = text(b[start+1 : end-1])
		case kEscaped:
			e.Variant = d.unescape(text(b[start+1 : end-1]))
		case kNull:
		default:
			e.wrong = true
		}
		all = append(all, e)
		if i = blanks(b, end); b[i] == ',' {
			i = blanks(b, i+1)
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return strings.Compare(a.Experiment, b.Experiment) })
	var list []event.Assignment
	for i, e := range all {
		switch {
		case i+1 < len(all) && all[i+1].Experiment == e.Experiment:
		case e.wrong:
			d.stats.dropped[fExperiments]++
		case e.Experiment != "" && e.Variant != "":
			list = append(list, e.Assignment)
		}
	}
	return list
}

// tooLarge is the dead letter of a record of size bytes, of which start holds
// at least the first MiB.
func tooLarge(start []byte, size int64, pos event.Position) event.Record {
	return event.Record{Dead: &event.DeadLetter{
		Pos: pos, Code: event.TooLarge, Raw: start[:MaxRecord:MaxRecord],
		Message: "the record is " + strconv.FormatInt(size, 10) + " bytes long; the limit is 1048576: split it, or leave out fields that are not needed (only its start is kept here)",
	}}
}

// sample is the start of a value, quoted, for a message.
func sample(s string) string { return strconv.Quote(clip(s, 40)) }

// clip cuts s to at most n bytes, at the end of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("...")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
