package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/internal/kafkaconn"
)

// lossKind is how what comes next was lost.
type lossKind string

const (
	outOfRange lossKind = "out_of_range" // deleted before it was read, or not there yet
	truncated  lossKind = "truncated"    // the log was cut, by an unclean election
	recreated  lossKind = "recreated"    // the topic was deleted and made anew
	deleted    lossKind = "deleted"      // the topic was deleted
	unreadable lossKind = "unreadable"   // a batch that is too large to unpack
)

var lossKinds = []lossKind{outOfRange, truncated, recreated, deleted, unreadable}

// loss says that the record that comes next is not there any more.
type loss struct {
	kind    lossKind
	topicID string
	next    int64 // the offset that comes next
	epoch   int32
	resume  int64 // where the log goes on; -1 where that is not known

	text string // for people; empty: not reported yet
}

// from recognises a loss in what a fetch answered.
func (l *loss) from(err error) bool {
	var cut *kgo.ErrDataLoss
	var tooLarge *kgo.ErrDecompressTooLarge
	switch {
	case errors.As(err, &tooLarge):
		l.kind, l.resume = unreadable, tooLarge.NextOffset
	case errors.As(err, &cut):
		l.kind, l.resume = truncated, cut.ResetTo
	case errors.Is(err, kerr.OffsetOutOfRange):
		l.kind = outOfRange
	default:
		return false
	}
	return true
}

// describe says what was lost. start and end are those of the log now; -1 where
// they cannot be asked.
func (l *loss) describe(name string, start, end int64) string {
	holds := "What the topic holds now could not be asked"
	if start >= 0 && end >= 0 {
		holds = fmt.Sprintf("The topic now holds %d to %d", start, end-1)
		if start == end {
			holds = fmt.Sprintf("The topic is empty now, its next offset is %d", end)
		}
	}
	choose := "Nothing is skipped by itself: check the topic, then start with --on-data-loss earliest (go on with the oldest that is left) or latest (with what comes from now on)"
	switch l.kind {
	case recreated:
		return fmt.Sprintf("%s: the topic was deleted and made anew (its id is another); offset %d was next in the old one, and what was not read of it is gone. %s. %s", name, l.next, holds, choose)
	case deleted:
		return fmt.Sprintf("%s: the topic does not exist any more; offset %d was next. Make it again and choose by --on-data-loss, or take it out of kafka.topics", name, l.next)
	case unreadable:
		return fmt.Sprintf("%s: the batch that holds offset %d unpacks to more than %d MiB, and is not read; find its producer. Nothing is skipped by itself: start with --on-data-loss earliest to go on behind it, at offset %d", name, l.next, maxBatch>>20, l.resume)
	case truncated:
		return fmt.Sprintf("%s: the log was cut below offset %d, which was next (an unclean leader election, or a log that was put back); records may have been replaced. %s. %s", name, l.next, holds, choose)
	}
	how := "it was deleted before it was read (retention, or deleted records)"
	if end >= 0 && l.next > end {
		how = "the log ends before it (it was cut, or the state is of another cluster)"
	}
	return fmt.Sprintf("%s: offset %d is next, but %s. %s. %s", name, l.next, how, holds, choose)
}

// explain puts a fault of the brokers into words: what, where, what to do.
func explain(err error, c Config, topicName string) string {
	if topicName == "" {
		topicName = strings.Join(c.Topics, " or ")
	}
	var eof *kgo.ErrFirstReadEOF
	var shake *kafkaconn.HandshakeError
	var unknownCA x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Sprintf("%s may not read topic %s; grant it READ and DESCRIBE on the topic", c.who(), topicName)
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return fmt.Sprintf("%s may not write offsets of group %s; grant it READ on the group, or set kafka.group", c.who(), c.Group)
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return c.who() + " may not do this on the cluster; grant it DESCRIBE"
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Sprintf("topic %s does not exist at %s; create it, or correct kafka.topics", topicName, c.where())
	case errors.Is(err, kerr.InvalidTopicException):
		return fmt.Sprintf("%q is not the name of a topic; correct kafka.topics", topicName)
	case errors.Is(err, kerr.UnknownTopicID):
		return fmt.Sprintf("topic %s is not the one that was read before (its id is another)", topicName)
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.IllegalSaslState):
		return fmt.Sprintf("the brokers at %s refuse the credentials of %s by %s (%s); check kafka.sasl", c.where(), c.who(), c.SASL.Mechanism, plainText(err))
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return fmt.Sprintf("the brokers at %s do not take SASL %s; set kafka.sasl.mechanism to one that they do", c.where(), c.SASL.Mechanism)
	case errors.As(err, &unknownCA):
		return fmt.Sprintf("the certificate of the brokers at %s is signed by an authority that is not known; name it in kafka.tls.ca_file (%s)", c.where(), plainText(err))
	case errors.As(err, &host):
		return fmt.Sprintf("the certificate of a broker at %s is for another name; set kafka.tls.server_name, or have brokers advertise the name (%s)", c.where(), plainText(err))
	case errors.As(err, &record):
		return fmt.Sprintf("the brokers at %s do not speak TLS on this port; set kafka.security_protocol to plaintext or sasl_plaintext, or use the TLS port", c.where())
	case errors.As(err, &eof), strings.Contains(err.Error(), "tls alert record"):
		return fmt.Sprintf("a broker at %s closed the connection at once; security_protocol is %s: does it want TLS or SASL, or neither? (%s)", c.where(), c.SecurityProtocol, plainText(err))
	case errors.As(err, &shake), errors.As(err, &op) && op.Op == "remote error":
		return fmt.Sprintf("TLS with the brokers at %s fails (%s); check kafka.tls: a broker that wants a client certificate needs cert_file and key_file", c.where(), plainText(err))
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s of a broker cannot be resolved (%s); check kafka.brokers, and what the brokers advertise", dns.Name, plainText(err))
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("the brokers at %s cannot be reached (%s); are they running, and the addresses that they advertise right?", c.where(), plainText(err))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("the brokers at %s did not answer within %v", c.where(), c.RequestTimeout)
	}
	return fmt.Sprintf("the brokers at %s answer: %s", c.where(), plainText(err))
}

func (c Config) where() string { return strings.Join(c.Brokers, ",") }

func (c Config) who() string {
	if kafkaconn.UsesSASL(c.SecurityProtocol) && c.SASL.Username != "" {
		return "user " + c.SASL.Username
	}
	return "this program"
}

// plainText is an error on one line.
func plainText(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
