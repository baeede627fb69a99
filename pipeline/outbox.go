package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/tributary-data/tributary/state"
)

// noOutbox stands where the first commit of the outbox stands, while commits are
// made of which none is kept.
const noOutbox = math.MaxUint64

// prepareOutbox notes whether the commits to come are kept for sinks. A sink
// that is at an earlier commit than the outbox begins with is sent everything
// again: without the note a time without sinks would be a gap that nobody sees.
func (e *Engine) prepareOutbox() error {
	var first uint64
	v, err := e.store.Get(metaOutbox)
	switch {
	case err == nil && len(v) == 8:
		first = binary.BigEndian.Uint64(v)
	case errors.Is(err, state.ErrNotFound):
		first = 1
	default:
		return fmt.Errorf("read where the outbox begins: %d bytes, %w", len(v), err)
	}
	b := e.store.NewBatch()
	switch {
	case e.opt.Outbox && first == noOutbox:
		first = e.commit + 1
	case !e.opt.Outbox && first != noOutbox:
		first = noOutbox
		b.DeleteRange([]byte{byte(state.Outbox)}, []byte{byte(state.Outbox) + 1})
	default:
		return nil
	}
	b.Set(metaOutbox, binary.BigEndian.AppendUint64(nil, first))
	return b.Commit()
}
