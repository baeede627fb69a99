package ingest

// field is a known field of a record.
type field uint8

const (
	fEventID field = iota
	fType
	fEventTime
	fUserID
	fAnonymousID
	fCampaignID
	fAdGroupID
	fCreativeID
	fPublisherID
	fChannel
	fSource
	fMedium
	fCampaign
	fTerm
	fContent
	fPageURL
	fReferrer
	fIP
	fUserAgent
	fCountry
	fDeviceID
	fCost
	fValue
	fCurrency
	fConversionName
	fOrderID
	fAdjusts
	fKind
	fExperiments
	fProperties
	numFields
	unknownField = numFields
)

var fieldNames = [numFields]string{
	"event_id", "type", "event_time", "user_id", "anonymous_id", "campaign_id", "ad_group_id", "creative_id",
	"publisher_id", "channel", "source", "medium", "campaign", "term", "content", "page_url", "referrer", "ip",
	"user_agent", "country", "device_id", "cost", "value", "currency", "conversion_name", "order_id", "adjusts",
	"kind", "experiments", "properties",
}

// isID says which strings may be written as an integer: those that name a
// thing by its id.
func (f field) isID() bool {
	switch f {
	case fEventID, fUserID, fAnonymousID, fCampaignID, fAdGroupID, fCreativeID, fPublisherID, fDeviceID, fOrderID, fAdjusts:
		return true
	}
	return false
}

// fieldOf finds a field by its exact name. The compiler searches a switch over
// strings by length first, which makes it faster than a map here.
func fieldOf(name string) field {
	switch name {
	case "event_id":
		return fEventID
	case "type":
		return fType
	case "event_time":
		return fEventTime
	case "user_id":
		return fUserID
	case "anonymous_id":
		return fAnonymousID
	case "campaign_id":
		return fCampaignID
	case "ad_group_id":
		return fAdGroupID
	case "creative_id":
		return fCreativeID
	case "publisher_id":
		return fPublisherID
	case "channel":
		return fChannel
	case "source":
		return fSource
	case "medium":
		return fMedium
	case "campaign":
		return fCampaign
	case "term":
		return fTerm
	case "content":
		return fContent
	case "page_url":
		return fPageURL
	case "referrer":
		return fReferrer
	case "ip":
		return fIP
	case "user_agent":
		return fUserAgent
	case "country":
		return fCountry
	case "device_id":
		return fDeviceID
	case "cost":
		return fCost
	case "value":
		return fValue
	case "currency":
		return fCurrency
	case "conversion_name":
		return fConversionName
	case "order_id":
		return fOrderID
	case "adjusts":
		return fAdjusts
	case "kind":
		return fKind
	case "experiments":
		return fExperiments
	case "properties":
		return fProperties
	}
	return unknownField
}

// kind is what a value is written as. Null is no kind: it is absence.
type kind uint8

const (
	kNull    kind = iota
	kString       // s is the text
	kEscaped      // s is the text between the quotes, with escapes
	kInt          // s is a number without fraction and exponent
	kNumber       // s is any other number
	kBool
	kObject // s is all of it
	kArray
	kMillis  // of a mapping: milliseconds that its layout gave; s is the number
	kBadTime // of a mapping: a time that its layout cannot read; s is the text
)

// value is a field's value as it stands in the record.
type value struct {
	s    string
	kind kind
}

func (d *Decoder) set(f field, k kind, s string) {
	if k == kNull {
		d.have &^= 1 << f
		return
	}
	d.have |= 1 << f
	d.slots[f] = value{s, k}
}

// present says whether the field is there: null and "" are not.
func (d *Decoder) present(f field) bool {
	if d.have&(1<<f) == 0 {
		return false
	}
	v := &d.slots[f]
	return v.kind != kString || v.s != ""
}

// text reads a string field. It is not ok when the value is no string (nor, for
// an id, an integer); an absent one is empty and ok.
func (d *Decoder) text(f field) (s string, ok bool) {
	if d.have&(1<<f) == 0 {
		return "", true
	}
	switch v := &d.slots[f]; v.kind {
	case kString:
		return v.s, true
	case kEscaped:
		// Once unescaped it is plain: a field may be asked for twice.
		v.s, v.kind = d.unescape(v.s), kString
		return v.s, true
	case kInt:
		return v.s, f.isID()
	}
	return "", false
}

// optional reads a string field that may be wrong: then it counts as absent,
// and is counted.
func (d *Decoder) optional(f field) string {
	if d.have&(1<<f) == 0 {
		return ""
	}
	s, ok := d.text(f)
	if !ok {
		d.stats.dropped[f]++
		return ""
	}
	return s
}
