package mail

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrNoMessage means that the outbox has no such message.
var ErrNoMessage = errors.New("mail: there is no such message")

// maxKept is how many messages an outbox keeps; older ones make room.
const maxKept = 500

// Latest is the id of whatever message is the newest.
const Latest = "latest"

// Outbox keeps messages as files of a directory, which only its owner can read: they hold links that log in.
type Outbox struct{ dir string }

// NewOutbox makes an outbox of a directory, which comes into being with the first message.
func NewOutbox(dir string) *Outbox { return &Outbox{dir} }

const suffix = ".json"

// validID has the form that ids are made in; no path has it.
var validID = regexp.MustCompile(`^[0-9]{8}T[0-9]{15}-[a-z0-9]{6}$`)

// newID sorts by time.
func newID(at time.Time) string {
	return strings.ReplaceAll(at.UTC().Format("20060102T150405.000000000"), ".", "") + "-" + strings.ToLower(rand.Text()[:6])
}

// Send implements Sender. The message appears complete or not at all.
func (o *Outbox) Send(_ context.Context, m *Message) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	kept := *m
	kept.At = time.Now().UTC()
	kept.ID = newID(kept.At)
	text, err := json.MarshalIndent(&kept, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(o.dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), o.path(kept.ID))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return o.trim()
}

func (o *Outbox) path(id string) string { return filepath.Join(o.dir, id+suffix) }

// ids lists what is there, the newest first.
func (o *Outbox) ids() ([]string, error) {
	entries, err := os.ReadDir(o.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var ids []string
	for _, entry := range entries {
		if id, ok := strings.CutSuffix(entry.Name(), suffix); ok && validID.MatchString(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, err
}

func (o *Outbox) trim() error {
	ids, err := o.ids()
	if err != nil || len(ids) <= maxKept {
		return err
	}
	for _, id := range ids[maxKept:] {
		if err := os.Remove(o.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// List returns the messages, the newest first.
func (o *Outbox) List(_ context.Context) ([]Message, error) {
	ids, err := o.ids()
	if err != nil {
		return nil, err
	}
	all := make([]Message, 0, len(ids))
	for _, id := range ids {
		m, err := o.read(id)
		if errors.Is(err, ErrNoMessage) {
			continue // trimmed meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *m)
	}
	return all, nil
}

// Get returns a message. It fails with ErrNoMessage.
func (o *Outbox) Get(id string) (*Message, error) {
	if id == Latest {
		ids, err := o.ids()
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, ErrNoMessage
		}
		id = ids[0]
	}
	if !validID.MatchString(id) {
		return nil, ErrNoMessage
	}
	return o.read(id)
}

func (o *Outbox) read(id string) (*Message, error) {
	text, err := os.ReadFile(o.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoMessage
	}
	if err != nil {
		return nil, err
	}
	var m Message
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("mail: message %s: %w", id, err)
	}
	return &m, nil
}
