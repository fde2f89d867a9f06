// Package social has the functions of social publishing. Posts themselves are rows of social_posts, written through rest/v1.
package social

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"nexus/engine/functions"
	"nexus/rls"
)

// Functions are those of social publishing.
func Functions() []*functions.Function {
	return []*functions.Function{publish(), sync()}
}

type publishRequest struct {
	PostID uuid.UUID `json:"post_id" jsonschema:"the post"`
}

type publishResponse struct {
	PostID    string `json:"post_id" jsonschema:"the post"`
	Status    string `json:"status" jsonschema:"published"`
	Permalink string `json:"permalink" jsonschema:"where it is seen"`
}

func publish() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "social-publish", Tag: "Social", Summary: "Publish a post now",
		Description: "Only Facebook and Instagram can be published to (409 `platform_not_supported`), with an account that is connected (409 `integration_not_configured`).",
		Access:      functions.Bearer(rls.ScopeWrite), Tier: functions.Standard,
		Example: `{"post_id": "00000000-0000-0000-0000-000000000000"}`,
	}, func(ctx context.Context, c *functions.Call, r publishRequest) (out publishResponse, err error) {
		var platform, status string
		err = c.QueryRow(ctx, "select platform::text, status::text from public.social_posts where id = $1", []any{r.PostID}, &platform, &status)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return out, functions.Errorf(http.StatusNotFound, "not_found", "There is no post with this id")
		case err != nil:
			return out, err
		case status != "draft" && status != "scheduled" && status != "failed":
			return out, functions.Errorf(http.StatusConflict, "invalid_transition", "A post that is "+status+" is not published")
		case platform != "facebook" && platform != "instagram":
			return out, functions.Errorf(http.StatusConflict, "platform_not_supported", "Posts for "+platform+" can be planned, and are not published from here")
		}
		return out, functions.NotConfigured(platform, "social_accounts.credentials")
	})
}

type syncRequest struct {
	Platform *string `json:"platform,omitempty" jsonschema:"only accounts of this platform" enum:"facebook,instagram"`
}

type syncResponse struct {
	Synced int `json:"synced" jsonschema:"how many posts were read"`
}

func sync() *functions.Function {
	return functions.Define(functions.Spec{
		Name: "social-sync", Tag: "Social", Summary: "Read the posts of connected accounts",
		Access: functions.Bearer(rls.ScopeWrite), Tier: functions.Bulk,
	}, func(context.Context, *functions.Call, syncRequest) (syncResponse, error) {
		return syncResponse{}, functions.NotConfigured("social", "social_accounts.credentials")
	})
}
