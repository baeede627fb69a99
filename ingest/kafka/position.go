package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
)

// position is where a partition goes on. It stands in the commit that applied
// what came before it, and is all that decides where reading begins. Its form is
// permanent: a new field must mean nothing where it is absent.
type position struct {
	TopicID   string `json:"topic_id"` // as Kafka's tools print it; a topic that was made anew has another
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"` // of the next record
	Epoch     int32  `json:"epoch"`  // of the leader that wrote the record before it; -1: unknown
}

func (p position) encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("BUG: a position does not marshal: %v", err))
	}
	return b
}

func decodePosition(b []byte) (position, error) {
	p := position{Epoch: -1}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("read the position that the state holds: %w", err)
	}
	if p.Offset < 0 || p.Partition < 0 || p.TopicID == "" {
		return p, errors.New("the position that the state holds has no topic id, or a negative number")
	}
	return p, nil
}
