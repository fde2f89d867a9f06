package store

import (
	"bytes"
	"encoding/json"
	"maps"
)

// Metadata is a JSON object. Its numbers stay as they were written.
type Metadata map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (m *Metadata) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return err
	}
	*m = object
	return nil
}

// MarshalJSON implements json.Marshaler: no metadata are an empty object.
func (m Metadata) MarshalJSON() ([]byte, error) {
	if m == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]any(m))
}

// Merge takes over the members of changes; those that are null are removed.
func (m *Metadata) Merge(changes map[string]any) {
	merged := maps.Clone(*m)
	if merged == nil {
		merged = Metadata{}
	}
	for key, value := range changes {
		if value == nil {
			delete(merged, key)
		} else {
			merged[key] = value
		}
	}
	*m = merged
}

// Text returns a member that is a string, or "".
func (m Metadata) Text(key string) string {
	text, _ := m[key].(string)
	return text
}
