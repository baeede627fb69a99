package generate

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/tributary-data/tributary/event"
)

// BenchOptions describe the traffic of the published benchmark. Zero fields
// take the defaults in brackets.
type BenchOptions struct {
	Seed      uint64
	Events    int64        // records to write, duplicates included
	Rate      float64      // records per second of event time [208,000]
	Persons   int          // [10,000,000]
	Campaigns int          // [500]
	Start     event.Millis // [2026-01-15T00:00:00Z]
}

// The shape of the benchmark traffic. Shares are of all records, except those
// by type, which are of the records that are no duplicates.
const (
	benchImpressions = 979 // of 1,000
	benchClicks      = 10
	benchPageViews   = 10 // the rest, 1 of 1,000, are conversions

	benchDuplicate  = 0.01
	benchOutOfOrder = 0.02  // up to 15 s behind; still in time
	benchLate       = 0.001 // 1 to 59 minutes behind
	benchBot        = 0.05  // a crawler's User-Agent
	benchHosting    = 0.03  // an address in BenchHosting
	benchBlocked    = 0.02  // an address in BenchBlocked

	// BenchPersonQ is q of the persons' Zipf-Mandelbrot law, whose exponent is
	// 1: with 10 million persons the hottest makes 0.30 % of the traffic and
	// the first thousand 29 %. BenchCampaignS is the exponent of the
	// campaigns' Zipf law: of 500 the first makes 15 %.
	BenchPersonQ   = 24
	BenchCampaignS = 1

	// An ad group is bought from 8 publishers in 2 countries, so that there are
	// about 120,000 combinations of all names: the rows of an hour.
	benchPublishers = 8
	benchCountries  = 2

	// benchBrowsers takes the shorter User-Agents: a record has about 400 bytes.
	benchBrowsers = 6

	// keepOneIn thins the ring of recent records, so that it spans seconds at
	// the benchmark's rate: 262,144 x 16 records are 20 s.
	keepOneIn  = 16
	recentSize = 1 << 18
	clicksSize = 1 << 17
)

// BenchHosting and BenchBlocked are the networks of the invalid traffic; a
// configuration that is to find it lists them under hosting_ips and block_ips.
// They are reserved for documentation and benchmarks, so no real network is
// called bad.
var (
	BenchHosting = []string{"198.18.0.0/15"}
	BenchBlocked = []string{"203.0.113.0/24", "198.51.100.0/24"}
)

// BenchBots are the crawlers of the invalid traffic.
var BenchBots = []string{
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	"python-requests/2.32.3",
	"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
	"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
}

// BenchSummary counts what was written.
type BenchSummary struct {
	Records, Bytes                               int64
	Impressions, Clicks, PageViews, Conversions  int64 // originals
	Duplicates, OutOfOrder, Late, Bots, BadHosts int64 // bots and bad hosts of originals
	HottestPerson                                int64 // originals of the person of rank 1
	First, Last                                  event.Millis
}

// Bench writes the benchmark's traffic in arrival order, as NDJSON.
func Bench(w io.Writer, opt BenchOptions) (BenchSummary, error) {
	s, err := NewBenchStream(opt)
	if err != nil {
		return BenchSummary{}, err
	}
	const chunk = 1 << 20
	buf := make([]byte, 0, chunk+4096)
	for n := range opt.Events {
		buf = append(s.Append(buf), '\n')
		if len(buf) >= chunk || n == opt.Events-1 {
			if _, err := w.Write(buf); err != nil {
				return s.Summary(), fmt.Errorf("cannot write the benchmark traffic: %w", err)
			}
			buf = buf[:0]
		}
	}
	sum := s.Summary()
	sum.Bytes += sum.Records // line ends
	return sum, nil
}

// BenchStream makes the benchmark's records one by one; it never ends. It is
// used by one goroutine.
type BenchStream struct {
	opt       BenchOptions
	rng       rng
	persons   zipf
	campaigns []benchCampaign
	byWeight  []uint16 // a uniform index gives a campaign by Zipf
	stamp     stamp
	serial    uint64
	recent    ring
	clicks    ring
	sum       BenchSummary
}

type benchCampaign struct {
	id     string // as JSON, from `,"campaign_id":"` to `,"ad_group_id":"c-042-g`
	id2    string // from the ad group's number on
	tail   string // source and medium
	cpm    int64  // micros an impression
	cpc    int64  // micros a click; 0 for those paid by impressions
	worth  int64  // micros a conversion, on average
	groups int
}

// benchRec is all that is drawn for one record: a repeat is written from it
// again, byte for byte, and clicks take the person and the ad from it.
type benchRec struct {
	time     event.Millis
	id       uint64
	person   uint32
	amount   int64 // micros
	bad      uint32
	campaign uint16
	group    uint8
	creative uint8
	kind     uint8
	badKind  uint8
}

const (
	good uint8 = iota
	bot
	hosting
	blocked
)

const (
	recImpression uint8 = iota
	recClick
	recPageView
	recConversion
)

// ring keeps the latest records of what is put into it.
type ring struct {
	recs []benchRec
	next uint64
}

func (r *ring) put(rec *benchRec) {
	r.recs[r.next&uint64(len(r.recs)-1)] = *rec
	r.next++
}

// back is the record that was put in n before the latest, counted round where
// fewer are kept; nil while there is none.
func (r *ring) back(n float64) *benchRec {
	have := min(r.next, uint64(len(r.recs)))
	if have == 0 {
		return nil
	}
	at := uint64(n) % have
	return &r.recs[(r.next-1-at)&uint64(len(r.recs)-1)]
}

// NewBenchStream starts the stream.
func NewBenchStream(opt BenchOptions) (*BenchStream, error) {
	if opt.Rate == 0 {
		opt.Rate = 208_000
	}
	if opt.Persons == 0 {
		opt.Persons = 10_000_000
	}
	if opt.Campaigns == 0 {
		opt.Campaigns = 500
	}
	if opt.Start == 0 {
		opt.Start = 1768435200000
	}
	switch {
	case !(opt.Rate > 0 && opt.Rate <= 1e9):
		return nil, errors.New("the rate of the benchmark traffic must be above 0 and at most 1e9 records a second")
	case opt.Events < 0 || opt.Persons < 1 || opt.Persons > 1<<31 || opt.Campaigns < 1 || opt.Campaigns > 1<<16:
		return nil, errors.New("the benchmark traffic needs 1 to 2^31 persons, 1 to 65,536 campaigns and no negative number of events")
	}
	s := &BenchStream{
		opt: opt, rng: newRNG(opt.Seed, 0), persons: newZipf(opt.Persons, BenchPersonQ), stamp: newStamp(),
		recent: ring{recs: make([]benchRec, recentSize)}, clicks: ring{recs: make([]benchRec, clicksSize)},
		sum: BenchSummary{First: opt.Start},
	}
	s.makeCampaigns()
	return s, nil
}

func (s *BenchStream) makeCampaigns() {
	media := []string{"google|cpc", "facebook|paid", "dv360|display", "youtube|cpv", "bing|cpc", "tiktok|paid", "newsletter|email", "criteo|retargeting"}
	var total float64
	for k := range s.opt.Campaigns {
		total += 1 / float64(k+1)
	}
	const slots = 1 << 16
	s.byWeight = make([]uint16, 0, slots)
	var upTo float64
	for k := range s.opt.Campaigns {
		h := mix(s.opt.Seed ^ uint64(k)<<20)
		name := "c-" + string(appendPadded(nil, k, 3))
		m := media[h%uint64(len(media))]
		i := 0
		for m[i] != '|' {
			i++
		}
		c := benchCampaign{
			id:     `,"campaign_id":"` + name + `","ad_group_id":"` + name + "-g",
			id2:    `","creative_id":"` + name + "-",
			tail:   `,"source":"` + m[:i] + `","medium":"` + m[i+1:] + `"`,
			cpm:    int64(500 + h>>8%7500),
			worth:  int64(20+h>>24%180) * 1e6,
			groups: int(1 + h>>40%4),
		}
		if h>>48%2 == 0 {
			c.cpc = int64(100_000 + h>>12%2_400_000)
		}
		s.campaigns = append(s.campaigns, c)
		upTo += 1 / float64(k+1) / total
		for len(s.byWeight) < min(slots, int(upTo*slots+0.5)) {
			s.byWeight = append(s.byWeight, uint16(k))
		}
	}
	for len(s.byWeight) < slots {
		s.byWeight = append(s.byWeight, 0)
	}
}

// Summary counts what Append gave so far.
func (s *BenchStream) Summary() BenchSummary { return s.sum }

// Now is the arrival time of the next record.
func (s *BenchStream) Now() event.Millis {
	return s.opt.Start + event.Millis(float64(s.sum.Records)*1000/s.opt.Rate)
}

// Append appends the next record, without a line end.
func (s *BenchStream) Append(b []byte) []byte {
	now := s.Now()
	before := len(b)
	if rec := s.repeat(); rec != nil {
		s.sum.Duplicates++
		b = s.write(b, rec)
	} else {
		var r benchRec
		s.draw(&r, now)
		s.count(&r)
		b = s.write(b, &r)
	}
	s.sum.Records++
	s.sum.Bytes += int64(len(b) - before)
	s.sum.Last = now
	return b
}

// repeat is the earlier record to send again, some seconds old, or nil.
func (s *BenchStream) repeat() *benchRec {
	if !s.rng.chance(benchDuplicate) {
		return nil
	}
	return s.recent.back(s.rng.exponential(3) * s.opt.Rate / keepOneIn)
}

// draw fills r with a new record that arrives now.
func (s *BenchStream) draw(r *benchRec, now event.Millis) {
	var from *benchRec
	switch u := s.rng.below(1000); {
	case u < benchImpressions:
	case u < benchImpressions+benchClicks:
		r.kind = recClick
		from = s.impression()
	case u < benchImpressions+benchClicks+benchPageViews:
		r.kind = recPageView
		from = s.clicks.back(s.rng.exponential(20) * s.opt.Rate * benchClicks / 1000)
	default:
		r.kind = recConversion
		from = s.clicks.back(s.rng.exponential(30) * s.opt.Rate * benchClicks / 1000)
	}
	after := event.Millis(0)
	if from != nil {
		kind := r.kind
		*r = *from
		r.kind = kind
		after = from.time + 500
	} else {
		r.kind = recImpression // nothing to follow yet
		s.drawImpression(r)
	}
	s.serial++
	r.id = mix(s.serial ^ s.opt.Seed<<40)
	c := &s.campaigns[r.campaign]
	switch r.kind {
	case recImpression:
		r.amount = c.cpm
	case recClick:
		r.amount = c.cpc
	case recConversion:
		r.amount = c.worth/2 + s.rng.between(0, c.worth/1e4)*1e4
	}
	r.time = s.eventTime(now, after)
	switch {
	case r.kind == recClick:
		s.clicks.put(r)
		fallthrough
	default:
		if s.serial%keepOneIn == 0 {
			s.recent.put(r)
		}
	}
}

// impression is a recent one for a click to follow.
func (s *BenchStream) impression() *benchRec {
	n := 1 + s.rng.exponential(8)*s.opt.Rate/keepOneIn
	for try := range 8 {
		if r := s.recent.back(n + float64(try)); r != nil && r.kind == recImpression {
			return r
		}
	}
	return nil
}

func (s *BenchStream) drawImpression(r *benchRec) {
	r.person = uint32(s.persons.rank(&s.rng))
	v := s.rng.next()
	r.campaign = s.byWeight[v&0xffff]
	r.group = uint8(v>>16) % uint8(s.campaigns[r.campaign].groups)
	r.creative = uint8(v>>24) % 6
	r.bad = uint32(v >> 32)
	switch u := s.rng.unit(); {
	case u < benchBot:
		r.badKind = bot
	case u < benchBot+benchHosting:
		r.badKind = hosting
	case u < benchBot+benchHosting+benchBlocked:
		r.badKind = blocked
	}
}

// eventTime is when the record that arrives now says it happened: mostly now;
// never before what it follows, unless it is late, where what it follows is
// likely to be gone anyway.
func (s *BenchStream) eventTime(now, after event.Millis) event.Millis {
	t := now
	switch u := s.rng.unit(); {
	case u < benchLate:
		s.sum.Late++
		return now - event.Millis(s.rng.between(60_000, 59*60_000))
	case u < benchLate+benchOutOfOrder:
		s.sum.OutOfOrder++
		t = now - event.Millis(s.rng.between(1, 14_999))
	}
	return max(t, min(after, now))
}

func (s *BenchStream) count(r *benchRec) {
	switch r.kind {
	case recImpression:
		s.sum.Impressions++
	case recClick:
		s.sum.Clicks++
	case recPageView:
		s.sum.PageViews++
	case recConversion:
		s.sum.Conversions++
	}
	switch r.badKind {
	case bot:
		s.sum.Bots++
	case hosting, blocked:
		s.sum.BadHosts++
	}
	if r.person == 0 {
		s.sum.HottestPerson++
	}
}

var benchHeads = [...]string{
	recImpression: `","type":"impression","event_time":"`,
	recClick:      `","type":"click","event_time":"`,
	recPageView:   `","type":"page_view","event_time":"`,
	recConversion: `","type":"conversion","event_time":"`,
}

// write appends the record.
func (s *BenchStream) write(b []byte, r *benchRec) []byte {
	h := mix(uint64(r.person) ^ 0xbe7c4)
	b = append(b, `{"event_id":"`...)
	b = appendHex(b, r.id, 16)
	b = append(b, benchHeads[r.kind]...)
	b = s.stamp.append(b, r.time)
	if h&1 == 0 {
		b = append(b, `","user_id":"u`...)
	} else {
		b = append(b, `","anonymous_id":"a`...)
	}
	b = appendPadded(b, int(r.person)+1, 8)
	b = append(b, '"')

	c := &s.campaigns[r.campaign]
	switch r.kind {
	case recImpression, recClick:
		b = append(b, c.id...)
		b = append(b, '1'+r.group)
		b = append(b, c.id2...)
		b = append(b, '1'+r.group, '-', '1'+r.creative)
		b = append(b, `","publisher_id":"pub-`...)
		b = appendPadded(b, s.publisher(r, h), 3)
		b = append(b, '"')
		b = append(b, c.tail...)
		b = append(b, `,"cost":`...)
		b = appendMoney(b, r.amount)
		b = append(b, `,"ip":"`...)
	case recPageView:
		b = append(b, `,"page_url":"https://shop.example.com/products/`...)
		b = strconv.AppendUint(b, r.id%5000, 10)
		b = append(b, `","referrer":"https://shop.example.com/","device_id":"`...)
		b = appendHex(b, h, 12)
		b = append(b, `","ip":"`...)
	case recConversion:
		b = append(b, `,"conversion_name":"purchase","order_id":"o-`...)
		b = appendHex(b, r.id>>8, 12)
		b = append(b, `","value":"`...)
		b = appendMoney(b, r.amount)
		b = append(b, `","currency":"USD","page_url":"https://shop.example.com/thank-you","ip":"`...)
	}
	switch r.badKind {
	case hosting:
		b = appendIPv4(b, 198<<24|18<<16|r.bad&0x1ffff)
	case blocked:
		b = appendIPv4(b, blockedNets[r.bad>>8&1]|r.bad&255)
	default:
		b = appendIPv4(b, homeIPv4(h))
	}
	b = append(b, `","country":"`...)
	b = append(b, countries[(uint64(r.campaign)*7+h>>40%benchCountries)%uint64(len(countries))]...)
	b = append(b, `","user_agent":"`...)
	if r.badKind == bot {
		b = append(b, BenchBots[r.bad%uint32(len(BenchBots))]...)
	} else {
		b = append(b, browsers[h>>52%benchBrowsers]...)
	}
	return append(b, `"}`...)
}

// publisher is one of the few that the ad group is bought from.
func (s *BenchStream) publisher(r *benchRec, h uint64) int {
	return (int(r.campaign)*11 + int(r.group)*5 + int(h>>8%benchPublishers)) % 200
}

var blockedNets = [2]uint32{203<<24 | 113<<8, 198<<24 | 51<<16 | 100<<8}
