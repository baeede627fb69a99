package generate

// campaign is one campaign of the simulated shop.
type campaign struct {
	id, source, medium string
	click              string // the click id parameter of its landing pages
	currency           string
	weight             int   // how often it is shown, relative to the others
	cpm                int64 // micros a thousand impressions
	cpc                int64 // micros a click
	ctr                int   // clicks of 10,000 exposures of the average person
	cvr                int   // purchases of 1,000 visits that it brings
	groups             []string
	publishers         []string
	views              bool // whether it has impressions; mails and partners have clicks alone
}

const unit = 1_000_000

var (
	searchSites  = []string{"google-search"}
	displaySites = []string{"news-daily", "weather-now", "recipes-hub", "sports-live", "auto-mag", "tech-review"}
	videoSites   = []string{"youtube", "stream-tv"}
	socialSites  = []string{"facebook", "instagram"}
)

// campaigns is the catalogue: names that a reader recognises, prices and rates
// that give a return between about 1 and 6.
var campaigns = []campaign{
	{"spring-sale-search", "google", "cpc", "gclid", "USD", 12, 0, 1_150_000, 520, 62, []string{"brand", "generic", "competitor"}, searchSites, true},
	{"brand-search", "google", "cpc", "gclid", "USD", 8, 0, 980_000, 700, 70, []string{"exact", "phrase"}, searchSites, true},
	{"generic-search-bing", "bing", "cpc", "msclkid", "USD", 4, 0, 1_240_000, 400, 48, []string{"broad", "exact"}, []string{"bing-search"}, true},
	{"shopping-feed", "google", "cpc", "gclid", "USD", 9, 0, 890_000, 330, 46, []string{"shoes", "outdoor", "home"}, []string{"google-shopping"}, true},
	{"retail-video", "youtube", "cpv", "gclid", "USD", 14, 11 * unit, 0, 90, 30, []string{"bumper", "instream"}, videoSites, true},
	{"brand-video-reach", "youtube", "cpv", "", "USD", 8, 6 * unit, 0, 50, 26, []string{"reach-18-34", "reach-35-54"}, videoSites, true},
	{"social-prospecting", "facebook", "paid", "fbclid", "USD", 16, 11 * unit, 0, 130, 26, []string{"lookalike", "interests", "broad"}, socialSites, true},
	{"social-retargeting", "instagram", "paid", "fbclid", "USD", 8, 14 * unit, 0, 200, 50, []string{"cart", "viewed"}, socialSites, true},
	{"tiktok-launch", "tiktok", "paid", "ttclid", "USD", 9, 8 * unit, 0, 110, 18, []string{"creators", "spark"}, []string{"tiktok"}, true},
	{"linkedin-b2b", "linkedin", "cpc", "li_fat_id", "USD", 2, 0, 2_400_000, 60, 52, []string{"it-leads"}, []string{"linkedin"}, true},
	{"display-prospecting", "dv360", "display", "", "USD", 22, 6_200_000, 0, 40, 20, []string{"context", "audience"}, displaySites, true},
	{"display-retargeting", "criteo", "cpm", "", "USD", 14, 8_400_000, 0, 80, 42, []string{"dynamic", "static"}, displaySites, true},
	{"newsletter-weekly", "newsletter", "email", "", "USD", 5, 0, 350_000, 900, 30, []string{"weekly"}, []string{"own-list"}, false},
	{"partner-affiliates", "dealfinder", "affiliate", "", "USD", 3, 0, 800_000, 1200, 48, []string{"coupons", "reviews"}, []string{"dealfinder", "couponist"}, false},
	{"eu-retail-search", "google", "cpc", "gclid", "EUR", 5, 0, 1_450_000, 460, 54, []string{"marke", "generisch"}, searchSites, true},
	{"eu-display-autumn", "dv360", "display", "", "EUR", 6, 7_000_000, 0, 60, 26, []string{"kontext"}, displaySites, true},
}

var campaignWeights = func() (cumulative []int) {
	sum := 0
	for i := range campaigns {
		sum += campaigns[i].weight
		cumulative = append(cumulative, sum)
	}
	return cumulative
}()

// pickCampaign draws one by weight.
func pickCampaign(r *rng) *campaign {
	u := r.below(campaignWeights[len(campaignWeights)-1])
	for i, c := range campaignWeights {
		if u < c {
			return &campaigns[i]
		}
	}
	return &campaigns[0]
}

// ad is one creative of a campaign at one publisher.
type ad struct {
	*campaign
	group, creative, publisher string
}

// creatives is how many an ad group has.
const creatives = 3

func (c *campaign) pick(r *rng) ad {
	group := c.id + "/" + c.groups[r.below(len(c.groups))]
	return ad{c, group, group + "/" + string(rune('a'+r.below(creatives))), c.publishers[r.below(len(c.publishers))]}
}
