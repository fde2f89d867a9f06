package messages

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a value as JSON with a file.
func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(want)) != string(got) {
		t.Errorf("not as in %s (%v):\n%s", path, err, got)
	}
}

// Deliveries in the form of Meta's documentation.
func TestReadDeliveries(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.delivery.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no deliveries", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".delivery.json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, understand(t, text))
		})
	}
}

func understand(t *testing.T, text []byte) []inbound {
	t.Helper()
	var d metaDelivery
	if err := json.Unmarshal(text, &d); err != nil {
		return nil
	}
	var all []inbound
	for _, entry := range d.Entry {
		if objects[d.Object] == whatsapp {
			all = append(all, readWhatsApp(entry.Changes)...)
		} else {
			all = append(all, readPage(entry.ID, entry.Messaging)...)
		}
	}
	return all
}

// Whatever is delivered, what is made of it is whole: the database would refuse the rest.
func FuzzDelivery(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.delivery.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"object": "page", "entry": [{"messaging": [{"sender": {"id": "1"}, "message": {"mid": "1", "text": "a\u0000b"}}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, one := range understand(t, text) {
			var at string
			switch {
			case one.Message != nil:
				at = one.Message.Timestamp
				if one.Message.ID == "" || one.Message.Chat == "" || one.Message.Type == "" {
					t.Errorf("%+v", one.Message)
				}
				if text, err := json.Marshal(one.Message); err != nil || strings.ContainsRune(one.Message.Content+one.Message.Name, 0) {
					t.Errorf("%s %v", text, err)
				}
			case one.Report != nil:
				at = one.Report.Timestamp
			case one.Until != nil:
				at = one.Until.Timestamp
			default:
				t.Error("nothing")
			}
			if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCompose(t *testing.T) {
	t.Parallel()
	const id = "00000000-0000-0000-0000-000000000001"
	out := map[string]any{}
	for name, d := range map[string]delivery{
		"whatsapp text":       {Platform: whatsapp, Kind: "text", Content: "Hello", ReplyTo: "wamid.1"},
		"whatsapp image":      {Platform: whatsapp, Kind: "image", Content: "look", MediaURL: "https://files.example/a.png"},
		"whatsapp audio":      {Platform: whatsapp, Kind: "audio", Content: "is not sent", MediaURL: "https://files.example/a.ogg"},
		"whatsapp document":   {Platform: whatsapp, Kind: "document", MediaURL: "https://files.example/a.pdf", Payload: json.RawMessage(`{"file_name": "Invoice.pdf"}`)},
		"whatsapp location":   {Platform: whatsapp, Kind: "location", Payload: json.RawMessage(`{"latitude": 30.04, "longitude": 31.23, "name": "Cairo"}`)},
		"whatsapp reaction":   {Platform: whatsapp, Kind: "reaction", Content: "👍", ReplyTo: "wamid.1"},
		"whatsapp unreaction": {Platform: whatsapp, Kind: "reaction", ReplyTo: "wamid.1"},
		"whatsapp template": {
			Platform: whatsapp, Kind: "template", TemplateName: "hello", TemplateLanguage: "en_US", Payload: json.RawMessage(`{"components": [{"type": "body"}]}`),
		},
		"messenger text":  {Platform: facebook, Kind: "text", Content: "Hello", ReplyTo: "m_1"},
		"messenger file":  {Platform: facebook, Kind: "document", MediaURL: "https://files.example/a.pdf"},
		"instagram image": {Platform: instagram, Kind: "image", MediaURL: "https://files.example/a.png"},
	} {
		d.ID, d.Recipient = id, "201001234567"
		if d.Payload == nil {
			d.Payload = json.RawMessage("{}")
		}
		body, err := compose(&d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out[name] = body
	}
	golden(t, "compose", out)
	for name, d := range map[string]delivery{
		"a location without a place":  {Platform: whatsapp, Kind: "location"},
		"a reaction to nothing":       {Platform: whatsapp, Kind: "reaction", Content: "👍"},
		"an odd payload":              {Platform: whatsapp, Kind: "text", Payload: json.RawMessage(`{"components": 1}`)},
		"a sticker on Messenger":      {Platform: facebook, Kind: "sticker", MediaURL: "x"},
		"a caption on Instagram":      {Platform: instagram, Kind: "image", MediaURL: "x", Content: "x"},
		"a kind that nobody has told": {Platform: whatsapp, Kind: "smell"},
	} {
		if d.Payload == nil {
			d.Payload = json.RawMessage("{}")
		}
		if body, err := compose(&d); !errors.Is(err, errUnsupported) {
			t.Errorf("%s: %v, %v", name, body, err)
		}
	}
}

func TestInternational(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"+201001234567": "+201001234567", "0020 (100) 123-45.67": "+201001234567", "201001234567": "+201001234567",
		"": "", "+0100123456": "", "12345": "", "+2010012345678901": "", "call me": "",
	} {
		if got := text(international(number)); got != want {
			t.Errorf("%q: %q", number, got)
		}
	}
}

func TestSigned(t *testing.T) {
	t.Parallel()
	// As computed by: printf '{"a":1}' | openssl dgst -sha256 -hmac secret
	const header = "sha256=aa9e2e3575f5d7098b6caccd790888c36d5fdb63342a73bada2d6a51747a8494"
	for _, c := range []struct {
		secret, header, body string
		want                 bool
	}{
		{"secret", header, `{"a":1}`, true},
		{"secret", header, `{"a":2}`, false},
		{"another", header, `{"a":1}`, false},
		{"secret", strings.TrimPrefix(header, "sha256="), `{"a":1}`, false},
		{"secret", "sha256=", `{"a":1}`, false},
		{"secret", "sha1=00", `{"a":1}`, false},
		{"", header, `{"a":1}`, false},
	} {
		if got := signed(c.secret, c.header, []byte(c.body)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestParseMail(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/mail.eml")
	if err != nil {
		t.Fatal(err)
	}
	m, files, err := parseMail(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "mail", map[string]any{"mail": m, "files": files})
	for _, text := range []string{"", "no mail", "Subject: nobody\r\n\r\nx", "From: <>\r\n\r\nx"} {
		if m, _, err := parseMail(text); !errors.Is(err, errMail) {
			t.Errorf("%q: %+v %v", text, m, err)
		}
	}
}

func FuzzParseMail(f *testing.F) {
	raw, err := os.ReadFile("testdata/mail.eml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw))
	f.Add("From: ann@example.com\r\n\r\nhello")
	f.Fuzz(func(t *testing.T, text string) {
		m, files, err := parseMail(text)
		if err != nil {
			if !errors.Is(err, errMail) {
				t.Error(err)
			}
			return
		}
		if m.From == "" || len(m.Text) > maxMailText || len(files) > maxMailFiles || !utf8.ValidString(m.Text) {
			t.Errorf("%+v", m)
		}
	})
}
