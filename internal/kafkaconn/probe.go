package kafkaconn

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Probe asks the leader what stands at an offset: empty says that no record
// does, up to next. Clients pass such gaps, as compaction leaves them, without
// telling.
func Probe(ctx context.Context, cl *kgo.Client, topicName string, n int32, offset int64, limit time.Duration) (empty bool, next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	details, err := kadm.NewClient(cl).ListTopicsWithInternal(ctx, topicName)
	if err != nil {
		return false, 0, err
	}
	d := details[topicName]
	leader, ok := d.Partitions[n]
	if d.Err != nil || !ok || leader.Leader < 0 {
		return false, 0, errors.Join(d.Err, kerr.LeaderNotAvailable)
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = 100, 0, 1<<20, 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topicName, d.ID
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = n, offset, 1<<20, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	answer, err := cl.Broker(int(leader.Leader)).Request(ctx, req)
	if err != nil {
		return false, 0, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return false, 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return false, 0, errors.New("the answer is not about the partition")
	}
	found, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: offset, IsolationLevel: kgo.ReadCommitted(), Topic: topicName, Partition: n,
	}, &resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	return found.Err == nil && len(found.Records) == 0, next, found.Err
}
