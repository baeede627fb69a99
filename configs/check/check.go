// Package check has the tests of single settings that several sections share.
// Each gives the faults as "key: what is wrong; what to do", for the section to
// put its own name before.
package check

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Required wants a value that is not blank.
func Required(key, value string) []error {
	if strings.TrimSpace(value) == "" {
		return []error{fmt.Errorf("%s: is missing; the section needs it", key)}
	}
	return nil
}

// OneOf wants one of the allowed values.
func OneOf(key, value string, allowed ...string) []error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return []error{fmt.Errorf("%s: is %q; it must be one of %s", key, value, strings.Join(allowed, ", "))}
}

// Addresses wants at least one host:port.
func Addresses(key string, addrs []string) []error {
	if len(addrs) == 0 {
		return []error{fmt.Errorf("%s: is empty; give at least one host:port", key)}
	}
	var faults []error
	for _, a := range addrs {
		host, port, err := net.SplitHostPort(a)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || host == "" || n == 0 {
			faults = append(faults, fmt.Errorf("%s: %q is not host:port", key, a))
		}
	}
	return faults
}

// topicPattern is Kafka's own rule for the names of topics.
var topicPattern = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// IsTopic says whether a topic of Kafka may have the name.
func IsTopic(name string) bool { return topicPattern.MatchString(name) }
