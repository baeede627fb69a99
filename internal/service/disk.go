package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/tributary-data/tributary/state"
)

// errDiskFull pauses intake: what is durable stays so, and work goes on by
// itself when there is room again.
var errDiskFull = errors.New("intake is paused")

const (
	// reserve is the free space below which nothing is taken in: enough for the
	// memtables and compactions that are under way.
	reserve = 512 << 20
	// resume is how much must be free before intake goes on.
	resume = 768 << 20
)

// diskGuard watches the room that the state has: the file system's and the
// budget's.
type diskGuard struct {
	store  *state.Store
	budget int64

	mu struct {
		sync.Mutex
		used int64
		free int64
		why  error
	}
}

func newDiskGuard(s *state.Store, budget int64) *diskGuard {
	g := &diskGuard{store: s, budget: budget}
	g.look()
	return g
}

// watch looks every second until ctx ends.
func (g *diskGuard) watch(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			g.look()
		}
	}
}

func (g *diskGuard) look() {
	used := int64(g.store.Sizes().Disk)
	free := int64(1) << 62
	var fs syscall.Statfs_t
	if err := syscall.Statfs(g.store.Dir(), &fs); err == nil {
		free = int64(fs.Bavail) * int64(fs.Bsize) //nolint:unconvert // macOS has 32 bits here
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	need := int64(reserve)
	if g.mu.why != nil {
		need = resume
	}
	g.mu.used, g.mu.free, g.mu.why = used, free, nil
	switch {
	case free < need:
		g.mu.why = fmt.Errorf("%w: %d MB are free on the disk of %s; make room, it goes on at %d MB", errDiskFull, free>>20, g.store.Dir(), resume>>20)
	case g.budget > 0 && used >= g.budget:
		g.mu.why = fmt.Errorf("%w: the state holds %d MB, state.disk_budget is %d MB; raise it or shorten lookbacks (tributary state plan)", errDiskFull, used>>20, g.budget>>20)
	}
}

// paused says why nothing may be taken in; nil when it may.
func (g *diskGuard) paused() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.why
}

func (g *diskGuard) usage() (used, free int64, why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.used, g.mu.free, g.mu.why
}
