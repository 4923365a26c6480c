# What hack/verify-workflows.sh checks .github/workflows with.

ACTIONLINT := $(TOOLS)/actionlint

$(ACTIONLINT): hack/tools/actionlint/go.mod hack/tools/actionlint/go.sum
	@$(call tool,hack/tools/actionlint,github.com/rhysd/actionlint/cmd/actionlint)

verify: $(ACTIONLINT)
