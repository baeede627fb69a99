package attribution

import "github.com/tributary-data/tributary/event"

// Config says which events become touches and how credit is shared.
type Config struct {
	Lookback               Lookback       `yaml:"lookback"`
	HalfLife               event.Duration `yaml:"half_life"`
	TouchTypes             []string       `yaml:"touch_types"` // of click, impression, visit
	ClickAbsorbsImpression bool           `yaml:"click_absorbs_impression"`
	MaxTouches             int            `yaml:"max_touches"` // 2 to 1000
	OrderWindow            event.Duration `yaml:"order_window"`
	AdjustmentWindow       event.Duration `yaml:"adjustment_window"`
}

// Lookback is how far before a conversion a touch may lie, by type; at most 90 days.
type Lookback struct {
	Click      event.Duration `yaml:"click"`
	Impression event.Duration `yaml:"impression"`
	Visit      event.Duration `yaml:"visit"`
}

// Greatest is the longest lookback of the three.
func (l Lookback) Greatest() event.Duration { return max(l.Click, l.Impression, l.Visit) }

// DefaultConfig is the contract's.
func DefaultConfig() Config {
	day := event.Duration(event.Day)
	return Config{
		Lookback:         Lookback{Click: 30 * day, Impression: day, Visit: 30 * day},
		HalfLife:         7 * day,
		TouchTypes:       []string{"click", "impression"},
		MaxTouches:       200,
		OrderWindow:      30 * day,
		AdjustmentWindow: 90 * day,
	}
}
