package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"
)

// defaultConfigFile is read if it exists and --config names no other.
const defaultConfigFile = "nexus.toml"

// complete sets the flags that the command line left alone: from the environment, else from the configuration file.
// known holds every option that a configuration file may set.
func complete(flags, known *pflag.FlagSet) error {
	if err := fromEnvironment(flags, "config"); err != nil {
		return err
	}
	path, named := defaultConfigFile, false
	if f := flags.Lookup("config"); f != nil && f.Value.String() != "" {
		path, named = f.Value.String(), true
	}
	file, err := readConfigFile(path, named, known)
	if err != nil {
		return err
	}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || known.Lookup(f.Name) == nil {
			return
		}
		if err := fromEnvironment(flags, f.Name); err != nil || f.Changed {
			errs = append(errs, err)
			return
		}
		if value, ok := file[f.Name]; ok {
			if err := setFlag(f, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", path, f.Name, err))
			}
		}
	})
	return errors.Join(errs...)
}

// environmentNames lists the variables of an option, the most specific first.
func environmentNames(option string) []string {
	names := []string{"NEXUS_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))}
	if option == "db-url" {
		names = append(names, "DATABASE_URL")
	}
	if name := gotrueName(option); name != "" {
		names = append(names, name)
	}
	return names
}

func fromEnvironment(flags *pflag.FlagSet, option string) error {
	f := flags.Lookup(option)
	if f == nil || f.Changed {
		return nil
	}
	for _, name := range environmentNames(option) {
		// An empty variable is how compose files leave one out.
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if err := setFlag(f, []string{value}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return nil
}

// setFlag gives a flag its values; all but lists have exactly one. A list of one may still be separated by commas.
func setFlag(f *pflag.Flag, values []string) error {
	list, isList := f.Value.(pflag.SliceValue)
	switch {
	case !isList && len(values) != 1:
		return errors.New("want one value, not a list")
	case isList && len(values) == 1 && values[0] == "":
		values = nil
	case isList && len(values) == 1:
		values = strings.Split(values[0], ",")
	}
	f.Changed = true
	if !isList {
		return f.Value.Set(values[0])
	}
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return list.Replace(values)
}

// readConfigFile returns the options of a TOML file as texts. A file that nobody named need not exist.
func readConfigFile(path string, named bool, known *pflag.FlagSet) (map[string][]string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var raw map[string]any
	if err := toml.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var unknown []string
	options := make(map[string][]string, len(raw))
	for name, value := range raw {
		if known.Lookup(name) == nil || name == "config" {
			unknown = append(unknown, name)
			continue
		}
		if options[name], err = texts(value); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return nil, fmt.Errorf("%s: unknown options: %s", path, strings.Join(unknown, ", "))
	}
	return options, nil
}

func texts(value any) ([]string, error) {
	switch v := value.(type) {
	case string, bool, int64:
		return []string{fmt.Sprint(v)}, nil
	case []any:
		all := make([]string, 0, len(v))
		for _, element := range v {
			s, ok := element.(string)
			if !ok {
				return nil, errors.New("want a list of strings")
			}
			all = append(all, s)
		}
		return all, nil
	default:
		return nil, errors.New("want a string, a number, true, false or a list of strings")
	}
}
