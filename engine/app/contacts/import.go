package contacts

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// maxImport is how many rows an import has at most.
const maxImport = 20000

type importRequest struct {
	CSV         string `json:"csv" jsonschema:"the file: a line of column names, then a line for each contact (RFC 4180)" min:"1"`
	OnDuplicate string `json:"on_duplicate,omitempty" jsonschema:"what to do with contacts that are there: skip them (the default) or update what they lack" enum:"skip,update"`
	DryRun      bool   `json:"dry_run,omitempty" jsonschema:"report what would happen, and change nothing"`
}

// Refused is a line that was not imported.
type Refused struct {
	Line   int    `json:"line" jsonschema:"the number of the line in the file, from 1"`
	Field  string `json:"field" jsonschema:"the column that is at fault, empty for the whole line"`
	Reason string `json:"reason" jsonschema:"what is wrong with it"`
}

type importResponse struct {
	Total    int       `json:"total" jsonschema:"how many lines there were"`
	Imported int       `json:"imported" jsonschema:"how many contacts are new"`
	Updated  int       `json:"updated" jsonschema:"how many contacts got what they lacked"`
	Skipped  int       `json:"skipped" jsonschema:"how many were there already"`
	Refused  []Refused `json:"refused" jsonschema:"the lines that were not imported, and why"`
}

func importCSV() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "contacts-import", Tag: "Contacts", Summary: "Import contacts from CSV",
		Description: "Columns are known by their names: first_name, last_name, name, email, phone, company, tags (separated by `;`), notes, line1, " +
			"line2, city, country; others are refused. A line with a fault is reported and left out; the others are imported, all or none.",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Bulk,
		Example: `{"csv": "first_name,email\nMona,mona@example.com\n"}`,
	}, func(ctx context.Context, c *functions.Call, r importRequest) (out importResponse, err error) {
		err = c.Tx(ctx, func(tx pgx.Tx) error {
			if out, err = runImport(ctx, tx, &r); err == nil && r.DryRun {
				return errDryRun
			}
			return err
		})
		if errors.Is(err, errDryRun) {
			err = nil
		}
		return out, err
	})
}

// errDryRun undoes an import that was only to be tried.
var errDryRun = errors.New("contacts: dry run")

// headings are the names that columns go by.
var headings = map[string]string{
	"first_name": "first_name", "first name": "first_name", "firstname": "first_name", "given name": "first_name",
	"last_name": "last_name", "last name": "last_name", "lastname": "last_name", "family name": "last_name", "surname": "last_name",
	"name": "name", "full name": "name", "full_name": "name",
	"email": "email", "e-mail": "email", "email address": "email",
	"phone": "phone", "phone_number": "phone", "phone number": "phone", "mobile": "phone",
	"company": "company", "tags": "tags", "notes": "notes",
	"line1": "line1", "address": "line1", "line2": "line2", "city": "city", "country": "country",
}

func columnNames(header []string) ([]string, error) {
	out := make([]string, len(header))
	for i, text := range header {
		name, ok := headings[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")))]
		if !ok || slices.Contains(out[:i], name) {
			return nil, functions.Invalid("csv", "has a column "+strconv.Quote(text)+" that is not known or there twice")
		}
		out[i] = name
	}
	return out, nil
}

// reader reads lines as contacts.
type reader struct {
	columns []string
	country string
	emails  map[string]int
	phones  map[string]int
}

// contact reads a line; what is wrong with it is returned instead.
func (r *reader) contact(line int, fields []string) (createRequest, *Refused) {
	var c createRequest
	address := map[string]any{}
	for i, text := range fields {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		switch name := r.columns[i]; name {
		case "first_name":
			c.FirstName = &text
		case "last_name":
			c.LastName = &text
		case "name":
			first, last, _ := strings.Cut(text, " ")
			c.FirstName = &first
			if last = strings.TrimSpace(last); last != "" {
				c.LastName = &last
			}
		case "email":
			c.Email = &text
		case "phone":
			c.Phone = &text
		case "company":
			c.Company = &text
		case "tags":
			for tag := range strings.SplitSeq(text, ";") {
				if tag = strings.TrimSpace(tag); tag != "" {
					c.Tags = append(c.Tags, tag)
				}
			}
		case "notes":
			c.Notes = &text
		default:
			address[name] = text
		}
	}
	if len(address) > 0 {
		c.Address = address
	}
	return c, r.check(line, &c)
}

// check tells what the database would refuse, so that one line does not spoil the others, and doubles within the file.
func (r *reader) check(line int, c *createRequest) *Refused {
	if c.FirstName == nil && c.LastName == nil && c.Email == nil && c.Phone == nil && c.Company == nil {
		return &Refused{line, "", "the line has neither a name nor an address nor a number"}
	}
	for field, value := range map[string]*string{"first_name": c.FirstName, "last_name": c.LastName, "company": c.Company} {
		if value != nil && len([]rune(*value)) > 200 {
			return &Refused{line, field, "is longer than 200 characters"}
		}
	}
	if c.Notes != nil && len([]rune(*c.Notes)) > 20000 {
		return &Refused{line, "notes", "is longer than 20000 characters"}
	}
	if len(c.Tags) > 100 {
		return &Refused{line, "tags", "are more than 100"}
	}
	if err := c.normalize(r.country); err != nil {
		var invalid *functions.Error
		if errors.As(err, &invalid) {
			field, _ := invalid.Details["field"].(string)
			reason, _ := invalid.Details["reason"].(string)
			return &Refused{line, field, reason}
		}
		return &Refused{line, "", err.Error()}
	}
	for field, key := range map[string]*string{"email": c.Email, "phone": c.Phone} {
		seen := r.emails
		if field == "phone" {
			seen = r.phones
		}
		if key == nil {
			continue
		}
		if first, ok := seen[*key]; ok {
			return &Refused{line, field, "is that of line " + strconv.Itoa(first)}
		}
	}
	if c.Email != nil {
		r.emails[*c.Email] = line
	}
	if c.Phone != nil {
		r.phones[*c.Phone] = line
	}
	return nil
}

func runImport(ctx context.Context, tx pgx.Tx, r *importRequest) (importResponse, error) {
	out := importResponse{Refused: []Refused{}}
	country, err := region(ctx, tx)
	if err != nil {
		return out, err
	}
	file := csv.NewReader(strings.NewReader(r.CSV))
	file.LazyQuotes, file.FieldsPerRecord = false, 0
	header, err := file.Read()
	if err != nil {
		return out, functions.Invalid("csv", "has no line of column names")
	}
	lines := reader{country: country, emails: map[string]int{}, phones: map[string]int{}}
	if lines.columns, err = columnNames(header); err != nil {
		return out, err
	}
	var good []createRequest
	for {
		fields, err := file.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, csv.ErrFieldCount) {
			return out, functions.Invalid("csv", "cannot be read: "+err.Error())
		}
		line, _ := file.FieldPos(0)
		if out.Total++; out.Total > maxImport {
			return out, functions.Invalid("csv", "has more than "+strconv.Itoa(maxImport)+" lines")
		}
		if err != nil {
			out.Refused = append(out.Refused, Refused{line, "", "the line has not as many fields as there are columns"})
			continue
		}
		contact, refused := lines.contact(line, fields)
		if refused != nil {
			out.Refused = append(out.Refused, *refused)
			continue
		}
		good = append(good, contact)
	}
	return out, store(ctx, tx, r, good, &out)
}

// store adds the contacts in one statement; those that are there are skipped or updated.
func store(ctx context.Context, tx pgx.Tx, r *importRequest, good []createRequest, out *importResponse) error {
	if len(good) == 0 {
		return nil
	}
	const rows = `json_to_recordset($1::json) as r (first_name text, last_name text, email text, phone text, company text, address jsonb, tags text[], notes text)`
	encoded, err := encode(good)
	if err != nil {
		return err
	}
	if r.OnDuplicate == "update" {
		tag, err := tx.Exec(ctx, `
			update public.customers c set
				first_name = coalesce(c.first_name, r.first_name), last_name = coalesce(c.last_name, r.last_name),
				company = coalesce(c.company, r.company), address = coalesce(c.address, r.address), notes = coalesce(c.notes, r.notes),
				tags = array(select distinct t from unnest(c.tags || coalesce(r.tags, '{}')) t order by t)
			from `+rows+`
			where c.organization_id = auth.organization_id() and (c.email = r.email or c.phone_number = r.phone)`, encoded)
		if err != nil {
			return err
		}
		out.Updated = int(tag.RowsAffected())
	}
	tag, err := tx.Exec(ctx, `
		insert into public.customers (organization_id, first_name, last_name, email, phone_number, company, address, tags, notes, source, lead_source_id)
		select auth.organization_id(), r.first_name, r.last_name, r.email, r.phone, r.company, r.address, coalesce(r.tags, '{}'), r.notes, 'import',
			(select s.id from public.lead_sources s where s.organization_id = auth.organization_id() and s.name = 'import')
		from `+rows+` on conflict do nothing`, encoded)
	if err != nil {
		return err
	}
	out.Imported = int(tag.RowsAffected())
	out.Skipped = max(len(good)-out.Imported-out.Updated, 0)
	return nil
}

// encode writes contacts for the database.
func encode(all []createRequest) (string, error) {
	text, err := json.Marshal(all)
	return string(text), err
}
