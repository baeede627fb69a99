package testkit

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaVersion is the release of Apache Kafka that tests run against.
const kafkaVersion = "4.1.0"

// kafkaPOM names what a broker needs; maven finds the rest.
const kafkaPOM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>broker</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + kafkaVersion + `</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
</dependencies></project>
`

// KafkaUser and KafkaPassword are good for every SASL mechanism. ACLs bind that
// user; who comes over the plain or the TLS listener may do everything.
const (
	KafkaUser     = "reader"
	KafkaPassword = "reader-secret"
)

// Kafka is a real broker, its own controller, with all of its listeners on
// loopback. Topics are not made by asking for them.
type Kafka struct {
	Brokers []string // of the plain listener
	TLS     []string // wants a client certificate
	SASL    []string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER (unsecured tokens), without TLS
	SASLTLS []string // likewise with TLS, no client certificate
	Certs   *Certificates
	Logs    string // the directory of the partitions' logs

	t       testing.TB
	program string
	libs    string
	config  string
	jvm     []string
	*Process
}

// modestJVM leaves memory and processor to the tests.
var modestJVM = []string{"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}

// StartKafka installs and starts a broker; it takes some seconds. jvm are flags
// in place of those that make it small and start quickly: a broker that is
// measured beside the program is to run as in earnest.
func StartKafka(t testing.TB, jvm ...string) *Kafka {
	t.Helper()
	k := &Kafka{t: t, program: Program(t, "java", "openjdk-17-jre-headless"), Certs: NewCertificates(t), jvm: jvm}
	if len(jvm) == 0 {
		k.jvm = modestJVM
	}
	k.libs = Install(t, "kafka-"+kafkaVersion, func(dir string) error {
		mvn, err := installPackages("mvn", []string{"maven"})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(kafkaPOM), 0o644); err != nil {
			return err
		}
		return runQuietly(10*time.Minute, dir, mvn, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs", "-DincludeScope=runtime")
	})
	k.configure()
	k.Start()
	return k
}

func (k *Kafka) configure() {
	t := k.t
	t.Helper()
	ports := FreePorts(t, 5)
	addr := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	k.Brokers, k.TLS, k.SASL, k.SASLTLS = []string{addr(0)}, []string{addr(1)}, []string{addr(2)}, []string{addr(3)}
	dir := t.TempDir()
	k.Logs = filepath.Join(dir, "log")
	quoted := strconv.Quote(KafkaPassword)
	p := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        "1",
		"controller.quorum.voters":       "1@" + addr(4),
		"controller.listener.names":      "CONTROLLER",
		"inter.broker.listener.name":     "OPEN",
		"listeners":                      fmt.Sprintf("OPEN://%s,TLS://%s,SASL://%s,SASLTLS://%s,CONTROLLER://%s", addr(0), addr(1), addr(2), addr(3), addr(4)),
		"listener.security.protocol.map": "OPEN:PLAINTEXT,TLS:SSL,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL,CONTROLLER:PLAINTEXT",
		"log.dirs":                       k.Logs,

		// One broker holds the only replica of everything.
		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "1",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.num.partitions":     "1",
		"transaction.state.log.min.isr":            "1",
		"group.initial.rebalance.delay.ms":         "0",
		"auto.create.topics.enable":                "false",
		"log.retention.check.interval.ms":          "1000",
		"log.initial.task.delay.ms":                "500",

		"authorizer.class.name":             "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                       "User:ANONYMOUS;User:CN=client",
		"allow.everyone.if.no.acl.found":    "true",
		"ssl.keystore.type":                 "PEM",
		"ssl.keystore.location":             k.Certs.Server,
		"ssl.truststore.type":               "PEM",
		"ssl.truststore.location":           k.Certs.CA,
		"listener.name.tls.ssl.client.auth": "required",
	}
	for _, listener := range []string{"sasl", "sasltls"} {
		p["listener.name."+listener+".sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"
		jaas := func(mechanism, module, rest string) {
			p["listener.name."+listener+"."+mechanism+".sasl.jaas.config"] = "org.apache.kafka.common.security." + module + " required" + rest + ";"
		}
		jaas("plain", "plain.PlainLoginModule", " user_"+KafkaUser+"="+quoted)
		jaas("scram-sha-256", "scram.ScramLoginModule", "")
		jaas("scram-sha-512", "scram.ScramLoginModule", "")
		jaas("oauthbearer", "oauthbearer.OAuthBearerLoginModule", "")
	}
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", key, strings.ReplaceAll(p[key], `\`, `\\`))
	}
	k.config = filepath.Join(dir, "server.properties")
	if err := os.WriteFile(k.config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"format", "-t", "dHJpYnV0YXJ5LXRlc3RzMQ", "-c", k.config}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", mechanism, KafkaUser, quoted))
	}
	if err := runQuietly(5*time.Minute, dir, k.program, k.java("kafka.tools.StorageTool", args...)...); err != nil {
		t.Fatalf("format the broker's storage: %v", err)
	}
}

// java is a command line of the JVM.
func (k *Kafka) java(class string, args ...string) []string {
	return slices.Concat(k.jvm, []string{"-Djava.awt.headless=true", "-cp", filepath.Join(k.libs, "libs", "*"), class}, args)
}

// Start starts the broker again after Stop or Kill, at the same addresses and
// with the same data.
func (k *Kafka) Start() {
	k.t.Helper()
	k.Process = StartProcess(k.t, "kafka", k.program, k.java("kafka.Kafka", k.config))
	k.WaitReady(5*time.Minute, func(ctx context.Context) error {
		cl, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers...))
		if err != nil {
			return err
		}
		defer cl.Close()
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return cl.Ping(ctx)
	})
}
