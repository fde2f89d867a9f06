package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"nexus/engine/auth/store"
	"nexus/engine/password"
)

const (
	defaultPerPage = 50
	maxPerPage     = 1000
)

// paging reads page and per_page.
func (c *call) paging() (page, perPage int64, err error) {
	query := c.r.URL.Query()
	page, perPage = 1, defaultPerPage
	for name, into := range map[string]*int64{"page": &page, "per_page": &perPage} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		if *into, err = strconv.ParseInt(text, 10, 32); err != nil || *into < 1 {
			return 0, 0, invalid("Bad Pagination Parameters: " + name + " must be a positive number")
		}
	}
	return page, min(perPage, maxPerPage), nil
}

// setPaging tells where the other pages are. The client reads the number behind the first "=", so page comes first.
func (c *call) setPaging(page, perPage, total int64) {
	last := max((total+perPage-1)/perPage, 1)
	link := func(number int64, rel string) string {
		return "</admin/users?page=" + strconv.FormatInt(number, 10) + "&per_page=" + strconv.FormatInt(perPage, 10) + ">; rel=\"" + rel + "\""
	}
	var links []string
	if page < last {
		links = append(links, link(page+1, "next"))
	}
	header := c.w.Header()
	header.Set("Link", strings.Join(append(links, link(last, "last")), ", "))
	header.Set("X-Total-Count", strconv.FormatInt(total, 10))
}

// listUsers shows a page of all users.
func listUsers(c *call) error {
	page, perPage, err := c.paging()
	if err != nil {
		return err
	}
	query := c.r.URL.Query()
	wanted := store.UserPage{Filter: query.Get("filter"), Offset: (page - 1) * perPage, Limit: perPage}
	switch sort := query.Get("sort"); sort {
	case "", "created_at desc":
	case "created_at asc", "created_at":
		wanted.Ascending = true
	default:
		return invalid("Bad Sort Parameters: " + sort)
	}
	var users []store.User
	var total int64
	if err := c.do(func(tx *store.Tx) (err error) {
		users, total, err = tx.Users(c.ctx(), c.aud(), wanted)
		return err
	}); err != nil {
		return err
	}
	views := make([]*userView, len(users))
	for i := range users {
		views[i] = viewUser(&users[i])
	}
	c.setPaging(page, perPage, total)
	c.write(http.StatusOK, map[string]any{"users": views, "aud": c.aud()})
	return nil
}

// adminInput is what admins may say of a user. Pointers tell what was left out from what is empty.
type adminInput struct {
	ID           string         `json:"id"`
	Aud          string         `json:"aud"`
	Role         string         `json:"role"`
	Email        string         `json:"email"`
	Phone        string         `json:"phone"`
	Password     *string        `json:"password"`
	PasswordHash string         `json:"password_hash"`
	EmailConfirm bool           `json:"email_confirm"`
	PhoneConfirm bool           `json:"phone_confirm"`
	UserMetadata store.Metadata `json:"user_metadata"`
	AppMetadata  store.Metadata `json:"app_metadata"`
	BanDuration  string         `json:"ban_duration"`
}

// readAdmin reads and checks what an admin says; hash is the password's, "" for none.
func (c *call) readAdmin() (in *adminInput, hash string, err error) {
	in = &adminInput{}
	if err := c.read(in); err != nil {
		return nil, "", err
	}
	if in.Email != "" {
		if in.Email, err = validEmail(in.Email); err != nil {
			return nil, "", err
		}
	}
	in.Phone = strings.TrimPrefix(in.Phone, "+")
	if strings.ContainsFunc(in.Phone, func(r rune) bool { return r < '0' || r > '9' }) || len(in.Phone) > 15 {
		return nil, "", invalid("Invalid phone number format (E.164 required)")
	}
	if in.ID != "" && (!isUUID(in.ID) || in.ID == "00000000-0000-0000-0000-000000000000") {
		return nil, "", invalid("ID is not a valid UUID v4")
	}
	switch {
	case in.PasswordHash != "" && in.Password != nil:
		return nil, "", invalid("Only a password or a password hash should be provided")
	case in.PasswordHash != "":
		if err := password.CheckHash(in.PasswordHash); err != nil {
			return nil, "", invalid("Only bcrypt, argon2 and Firebase scrypt password hashes are supported")
		}
		return in, in.PasswordHash, nil
	case in.Password != nil && *in.Password != "":
		if err := c.h.rules.Check(c.ctx(), *in.Password); err != nil {
			return nil, "", err
		}
		hash, err = c.h.hasher.Hash(c.ctx(), *in.Password)
	}
	return in, hash, err
}

// banned returns when a ban ends: nil for none.
func (c *call) banned(duration string) (*time.Time, error) {
	if duration == "none" {
		return nil, nil //nolint:nilnil // no ban is an answer
	}
	d, err := time.ParseDuration(duration)
	if err != nil || d < 0 {
		return nil, invalid("invalid format for ban duration: " + strconv.Quote(duration))
	}
	until := c.now.Add(d)
	return &until, nil
}

// createUser makes a user without asking the user.
func createUser(c *call) error {
	in, hash, err := c.readAdmin()
	if err != nil {
		return err
	}
	if in.Email == "" && in.Phone == "" {
		return invalid("Cannot create a user without either an email or phone")
	}
	user := c.newUser(in.Email, hash, in.UserMetadata)
	user.Phone = in.Phone
	if in.ID != "" {
		user.ID = in.ID
	}
	if in.Aud != "" {
		user.Aud = in.Aud
	}
	if in.Email == "" {
		user.AppMetadata = store.Metadata{"provider": "phone", "providers": []string{"phone"}}
	}
	if user.EncryptedPassword == "" {
		if user.EncryptedPassword, err = c.h.hasher.Hash(c.ctx(), password.Random()); err != nil {
			return err
		}
	}
	return c.showUser(func(tx *store.Tx) (*store.User, error) {
		if err := c.free(tx, in, user); err != nil {
			return nil, err
		}
		if err := c.insert(tx, user); err != nil {
			return nil, err
		}
		if err := c.adminIdentities(tx, user, in); err != nil {
			return nil, err
		}
		if err := c.applyAdmin(user, in); err != nil {
			return nil, err
		}
		if err := c.audit(tx, nil, "user_signedup", map[string]any{"user_id": user.ID, "user_email": user.Email, "user_phone": user.Phone}); err != nil {
			return nil, err
		}
		return user, tx.SaveUser(c.ctx(), user)
	})
}

// free refuses an address, number or id that another user has.
func (c *call) free(tx *store.Tx, in *adminInput, user *store.User) error {
	taken := func(other *store.User, err error, code, message string) error {
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && other.ID == user.ID && in.ID == "":
			return nil
		case err != nil:
			return err
		}
		return unprocessable(code, message)
	}
	if in.Email != "" {
		other, err := tx.UserByEmail(c.ctx(), in.Email, user.Aud)
		if err := taken(other, err, "email_exists", duplicateEmail); err != nil {
			return err
		}
	}
	if in.Phone != "" {
		other, err := tx.UserByPhone(c.ctx(), in.Phone, user.Aud)
		if err := taken(other, err, "phone_exists", "Phone number already registered by another user"); err != nil {
			return err
		}
	}
	if in.ID != "" {
		other, err := tx.UserSeen(c.ctx(), in.ID)
		return taken(other, err, "conflict", "A user with this id already exists")
	}
	return nil
}

// adminIdentities gives the user the identities of what is known of them.
func (c *call) adminIdentities(tx *store.Tx, user *store.User, in *adminInput) error {
	if user.Email != "" {
		if err := c.ensureEmailIdentity(tx, user, in.EmailConfirm); err != nil {
			return err
		}
	}
	if user.Phone == "" {
		return nil
	}
	identity, err := tx.Identity(c.ctx(), "phone", user.ID)
	data := map[string]any{"sub": user.ID, "phone": user.Phone, "phone_verified": in.PhoneConfirm, "email_verified": false}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tx.CreateIdentity(c.ctx(), &store.Identity{ProviderID: user.ID, UserID: user.ID, Provider: "phone", Data: data, LastSignInAt: &c.now})
	case err != nil:
		return err
	}
	identity.Data.Merge(data)
	return tx.SaveIdentity(c.ctx(), identity)
}

// applyAdmin writes what an admin says into the user.
func (c *call) applyAdmin(user *store.User, in *adminInput) error {
	if in.Role != "" {
		user.Role = strings.TrimSpace(in.Role)
	}
	if in.EmailConfirm && user.Email != "" {
		user.EmailConfirmedAt = &c.now
		user.UserMetadata.Merge(map[string]any{"email_verified": true})
	}
	if in.PhoneConfirm && user.Phone != "" {
		user.PhoneConfirmedAt = &c.now
	}
	user.AppMetadata.Merge(in.AppMetadata)
	if in.BanDuration != "" {
		until, err := c.banned(in.BanDuration)
		if err != nil {
			return err
		}
		user.BannedUntil = until
	}
	return nil
}

// wantedUser returns the user of the path.
func (c *call) wantedUser(tx *store.Tx) (*store.User, error) {
	id := c.r.PathValue("user")
	if !isUUID(id) {
		return nil, newError(http.StatusNotFound, "validation_failed", "user_id must be an UUID")
	}
	user, err := tx.User(c.ctx(), id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, newError(http.StatusNotFound, "user_not_found", "User not found")
	}
	return user, err
}

func adminGetUser(c *call) error { return c.showUser(c.wantedUser) }

// adminUpdateUser changes a user. What admins say needs no confirmation.
func adminUpdateUser(c *call) error {
	in, hash, err := c.readAdmin()
	if err != nil {
		return err
	}
	in.ID = ""
	return c.showUser(func(tx *store.Tx) (*store.User, error) {
		user, err := c.wantedUser(tx)
		if err != nil {
			return nil, err
		}
		if err := c.free(tx, in, user); err != nil {
			return nil, err
		}
		if hash != "" {
			if err := c.setPassword(tx, user, hash); err != nil {
				return nil, err
			}
		}
		if err := c.adminContact(tx, user, in); err != nil {
			return nil, err
		}
		user.UserMetadata.Merge(in.UserMetadata)
		if in.Aud != "" {
			user.Aud = in.Aud
		}
		if err := c.applyAdmin(user, in); err != nil {
			return nil, err
		}
		if in.BanDuration != "" && user.BannedUntil != nil {
			if err := tx.DeleteSessions(c.ctx(), user.ID, ""); err != nil {
				return nil, err
			}
		}
		if err := c.audit(tx, nil, "user_modified", map[string]any{"user_id": user.ID, "user_email": user.Email, "user_phone": user.Phone}); err != nil {
			return nil, err
		}
		return user, tx.SaveUser(c.ctx(), user)
	})
}

// adminContact changes address and number, and the identities with them.
func (c *call) adminContact(tx *store.Tx, user *store.User, in *adminInput) error {
	if in.Email != "" && in.Email != user.Email {
		user.Email = in.Email
		user.UserMetadata.Merge(map[string]any{"email": in.Email})
		if identity, err := tx.Identity(c.ctx(), providerEmail, user.ID); err == nil {
			identity.Data.Merge(map[string]any{"email": in.Email, "email_verified": in.EmailConfirm})
			if err := tx.SaveIdentity(c.ctx(), identity); err != nil {
				return err
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if in.Phone != "" {
		user.Phone = in.Phone
	}
	return c.adminIdentities(tx, user, in)
}

// adminDeleteUser removes a user, or all that tells who it was.
func adminDeleteUser(c *call) error {
	var in struct {
		Soft bool `json:"should_soft_delete"`
	}
	if err := c.read(&in); err != nil {
		return err
	}
	err := c.do(func(tx *store.Tx) error {
		user, err := c.wantedUser(tx)
		if err != nil {
			return err
		}
		if err := c.audit(tx, nil, "user_deleted", map[string]any{"user_id": user.ID, "user_email": user.Email, "user_phone": user.Phone}); err != nil {
			return err
		}
		if !in.Soft {
			return tx.DeleteUser(c.ctx(), user.ID)
		}
		return c.forget(tx, user)
	})
	return c.quietly(err)
}

// forget keeps the row of a user, for what refers to it, and nothing that tells who it was.
func (c *call) forget(tx *store.Tx, user *store.User) error {
	identities, err := tx.Identities(c.ctx(), user.ID)
	if err != nil {
		return err
	}
	for i := range identities {
		identities[i].ProviderID = obscure(user.ID + ":" + identities[i].ProviderID)
		identities[i].Data = store.Metadata{}
		if err := tx.SaveIdentity(c.ctx(), &identities[i]); err != nil {
			return err
		}
	}
	factors, err := tx.Factors(c.ctx(), user.ID)
	if err != nil {
		return err
	}
	for i := range factors {
		if err := tx.DeleteFactor(c.ctx(), factors[i].ID); err != nil {
			return err
		}
	}
	if err := errors.Join(tx.DeleteTokens(c.ctx(), user.ID), tx.DeleteSessions(c.ctx(), user.ID, "")); err != nil {
		return err
	}
	if user.Email != "" {
		user.Email = obscure(user.ID + ":" + user.Email)
	}
	if user.Phone != "" {
		user.Phone = obscure(user.ID + ":" + user.Phone)[:15]
	}
	user.EncryptedPassword, user.EmailChange, user.UserMetadata, user.AppMetadata = "", "", store.Metadata{}, store.Metadata{}
	user.ConfirmationToken, user.RecoveryToken, user.ReauthenticationToken = "", "", ""
	user.EmailChangeTokenNew, user.EmailChangeTokenCurrent, user.DeletedAt = "", "", &c.now
	return tx.SaveUser(c.ctx(), user)
}

func obscure(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// adminLogOut ends all sessions of a user.
func adminLogOut(c *call) error {
	err := c.do(func(tx *store.Tx) error {
		user, err := c.wantedUser(tx)
		if err != nil {
			return err
		}
		return tx.DeleteSessions(c.ctx(), user.ID, "")
	})
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// auditColumns are the members of the log's payload that a scope of a query searches.
var auditColumns = map[string][]string{
	"author": {"actor_username", "actor_name"}, "action": {"action"}, "type": {"log_type"},
}

// auditLog shows a page of what was done.
func auditLog(c *call) error {
	page, perPage, err := c.paging()
	if err != nil {
		return err
	}
	wanted := store.AuditPage{Offset: (page - 1) * perPage, Limit: perPage}
	if query := c.r.URL.Query().Get("query"); query != "" {
		scope, text, ok := strings.Cut(query, ":")
		if !ok {
			return invalid("Invalid query scope: " + url.QueryEscape(query))
		}
		if wanted.Keys, ok = auditColumns[scope]; !ok {
			return invalid("Invalid query scope: " + url.QueryEscape(scope))
		}
		wanted.Text = text
	}
	var entries []store.AuditEntry
	var total int64
	if err := c.do(func(tx *store.Tx) (err error) {
		entries, total, err = tx.AuditLog(c.ctx(), wanted)
		return err
	}); err != nil {
		return err
	}
	c.setPaging(page, perPage, total)
	if entries == nil {
		entries = []store.AuditEntry{}
	}
	c.write(http.StatusOK, entries)
	return nil
}
