package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
)

// listFiles are the list files of a configuration, by key.
func listFiles(c *configs.Config) []struct {
	key   string
	files []string
} {
	l := c.Fraud.Lists
	return []struct {
		key   string
		files []string
	}{
		{"bot_user_agents", l.BotUserAgents},
		{"block_ips", l.BlockIPs},
		{"hosting_ips", l.HostingIPs},
		{"allow_ips", l.AllowIPs},
	}
}

// loadLists reads the lists of the configuration. What is wrong in a list is a
// fault of the key that names it.
func loadLists(c *configs.Config) (*fraud.Lists, error) {
	lists, err := fraud.LoadLists(c.Fraud.Lists, c.Dir)
	if err == nil {
		return lists, nil
	}
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	bad := &configs.Error{}
	for _, e := range errs {
		bad.Faults = append(bad.Faults, listFault(c, e.Error()))
	}
	return nil, bad
}

// listFault finds the key of a fault: its text begins with the key, or with the
// path of a list file.
func listFault(c *configs.Config, text string) configs.Fault {
	if key, message, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(key, "fraud.lists.") {
		return configs.Fault{Key: key, Message: message}
	}
	for _, l := range listFiles(c) {
		for i, name := range l.files {
			if strings.HasPrefix(text, c.Path(name)+":") {
				return configs.Fault{Key: fmt.Sprintf("fraud.lists.%s[%d]", l.key, i), Message: text}
			}
		}
	}
	return configs.Fault{Key: "fraud.lists", Message: text}
}

func runFraudLists(_ context.Context, env *Env, o configOptions) error {
	c, _, err := o.load(env)
	if err != nil {
		return err
	}
	lists, err := loadLists(c)
	if err != nil {
		return err
	}
	_, err = io.WriteString(env.Stdout, listsText(c, lists))
	return err
}

func listsText(c *configs.Config, lists *fraud.Lists) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version %s (of what the lists hold)\n\n%-16s %7s  %s\n", lists.Version(), "list", "entries", "sources")
	for _, l := range listFiles(c) {
		var sources []string
		if c.Fraud.Lists.Builtin {
			sources = append(sources, "builtin")
		}
		for _, name := range l.files {
			sources = append(sources, c.Path(name))
		}
		if len(sources) == 0 {
			sources = []string{"none"}
		}
		fmt.Fprintf(&b, "%-16s %7d  %s\n", l.key, lists.Entries(l.key), strings.Join(sources, ", "))
	}
	fmt.Fprintf(&b, "\n%-20s %-5s %-8s %s\n", "rule", "tier", "mode", "verdict")
	for i, mode := range c.Fraud.Rules.Modes() {
		r := event.Reason(i)
		fmt.Fprintf(&b, "%-20v %-5d %-8s %v\n", r, r.Tier(), mode, r.Verdict())
	}
	return b.String()
}
