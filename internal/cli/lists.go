package cli

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"

	"github.com/tributary-data/tributary/configs"
)

// maxListLine bounds a line of a list file; the longest pattern of the public
// crawler lists has a few hundred bytes.
const maxListLine = 64 << 10

// checkList reads one list file and counts its entries. Every line that check
// refuses is a fault of the key that names the file.
func checkList(key, path string, check func(line string) error) (int, []configs.Fault) {
	fault := func(line int, message string) configs.Fault {
		return configs.Fault{Key: key, Origin: configs.Origin{File: path, Line: line}, Message: message}
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, []configs.Fault{fault(0, fmt.Sprintf("cannot read the list: %v", errors.Unwrap(err)))}
	}
	defer func() { _ = f.Close() }() // it was only read
	var faults []configs.Fault
	entries, line := 0, 0
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, maxListLine)
	for scan.Scan() {
		line++
		text := strings.TrimSpace(strings.TrimPrefix(scan.Text(), "\ufeff"))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		entries++
		if err := check(text); err != nil {
			faults = append(faults, fault(line, err.Error()))
		}
	}
	if err := scan.Err(); err != nil {
		faults = append(faults, fault(line+1, fmt.Sprintf("cannot read the list: %v", err)))
	}
	return entries, faults
}

func checkPattern(line string) error {
	if _, err := regexp.Compile(line); err != nil {
		return fmt.Errorf("%q is not an RE2 pattern: %w", line, err)
	}
	return nil
}

func checkAddress(line string) error {
	if _, err := netip.ParseAddr(line); err == nil {
		return nil
	}
	if _, err := netip.ParsePrefix(line); err == nil {
		return nil
	}
	return fmt.Errorf("%q is not an address or a CIDR such as 192.0.2.0/24", line)
}
