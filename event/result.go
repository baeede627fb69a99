package event

// Session is a run of one person's events without a pause longer than the gap.
type Session struct {
	Person            string
	Start, End        Millis // of the first and the last event
	FirstID, FirstTyp string // the first event by (time, id, type)
	Events            int64
	Impressions       int64
	Clicks            int64
	Conversions       int64
	EntryChannel      string
}

// Touch is one event of the path that led to a conversion.
type Touch struct {
	Time     Millis
	ID       string
	Person   string
	Type     string // click, impression or visit
	Campaign string
	AdGroup  string
	Creative string
	Channel  string
	Dims     uint32 // the tuple of names in the state's dictionary
}

// Ref is the touch's place in the order.
func (t *Touch) Ref() Ref { return Ref{Time: t.Time, ID: t.ID, Person: t.Person, Type: t.Type} }

// Credit is what one model gives to one touch of a conversion.
type Credit struct {
	Model    string
	Position int // 1 is the first touch, 0 the row of an unattributed conversion
	PPM      int64
	Micros   Micros
}

// Adjust is a later word on a conversion's value.
type Adjust struct {
	Time    Millis
	ID      string
	Restate bool // to Amount; else retracted
	Amount  Micros
}

// After says whether a counts rather than b: the greatest (time, id) does.
func (a *Adjust) After(b *Adjust) bool {
	return b == nil || a.Time > b.Time || a.Time == b.Time && a.ID > b.ID
}
