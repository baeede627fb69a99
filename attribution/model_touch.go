package attribution

import (
	"sync"

	"github.com/tributary-data/tributary/event"
)

func firstTouch(_ *Config, _ []event.Touch, w []uint64) { w[0] = 1 }

func lastTouch(_ *Config, _ []event.Touch, w []uint64) { w[len(w)-1] = 1 }

// Direct is the channel that last_non_direct passes over.
const Direct = "Direct"

// lastNonDirect gives all to the last touch that is not Direct, else to the last.
func lastNonDirect(_ *Config, touches []event.Touch, w []uint64) {
	for i := len(touches) - 1; i >= 0; i-- {
		if touches[i].Channel != Direct {
			w[i] = 1
			return
		}
	}
	w[len(w)-1] = 1
}

// linear gives every touch the same; repeats count.
func linear(_ *Config, _ []event.Touch, w []uint64) {
	for i := range w {
		w[i] = 1
	}
}

// participation marks each distinct campaign on its last touch; no campaign
// counts as one.
func participation(_ *Config, touches []event.Touch, w []uint64) {
	seen := campaigns.Get().(map[string]bool)
	for i := len(touches) - 1; i >= 0; i-- {
		if c := touches[i].Campaign; !seen[c] {
			seen[c] = true
			w[i] = 1
		}
	}
	clear(seen)
	campaigns.Put(seen)
}

// campaigns are the sets of participation, used again: paths may be long.
var campaigns = sync.Pool{New: func() any { return map[string]bool{} }}
