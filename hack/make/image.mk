# The image and the other files of a release.

DIST ?= dist
IMAGE ?= ghcr.io/bucketcors/bucketcors
IMAGE_DIR ?= $(DIST)/image
# What the chart is published in: the chart's name is added.
CHARTS ?= $(patsubst %/,%,$(dir $(IMAGE)))/charts
PLATFORMS ?= linux/$(shell go env GOARCH)

# What a release has.
RELEASE_PLATFORMS := linux/amd64,linux/arm64
PROGRAM_PLATFORMS := linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64

# Another image to build on, from a registry: BASE=gcr.io/distroless/static-debian12@sha256:…
BASE ?=

BUILD_RELEASE := GOWORK=off go run -C hack/image .

##@ Release

.PHONY: image
image: ## Build the image, without a container engine (VERSION=, PLATFORMS=linux/amd64,linux/arm64, BASE=, IMAGE_DIR=dist/image)
	@$(BUILD_RELEASE) image -C '$(CURDIR)' -version '$(VERSION)' -platforms '$(PLATFORMS)' \
		-repository '$(IMAGE)' -base '$(BASE)' -out '$(IMAGE_DIR)'

.PHONY: install-manifest
install-manifest: $(KUSTOMIZE) ## Write dist/install.yaml: config/default with the image of VERSION
	@mkdir -p '$(DIST)'
	@hack/image/install-manifest.sh '$(IMAGE)' '$(VERSION)' >'$(DIST)/install.yaml'

.PHONY: dist
dist: ## Build all files of a release into dist/ (VERSION=v1.2.3)
	@mkdir -p '$(DIST)'
	@rm -f $(addprefix '$(DIST)'/,*.tar.gz *.zip *.tgz *.tar *.yaml *.spdx.json SHA256SUMS)
	@$(BUILD_RELEASE) chart -C '$(CURDIR)' -version '$(VERSION)' -out '$(DIST)'
	@$(MAKE) install-manifest
	@$(MAKE) image PLATFORMS='$(RELEASE_PLATFORMS)'
	@$(BUILD_RELEASE) archives -C '$(CURDIR)' -version '$(VERSION)' -platforms '$(PROGRAM_PLATFORMS)' -out '$(DIST)'
	@$(BUILD_RELEASE) checksums -C '$(CURDIR)' -out '$(DIST)'

.PHONY: release
release: ## Check that VERSION can be released, build it, and print how to publish it: nothing is pushed
	@TAGGED='$(TAGGED)' hack/image/release.sh '$(VERSION)' '$(IMAGE)' '$(DIST)'

.PHONY: publish
publish: ## Push the image, its SBOMs and the chart from dist/, with the login of docker or podman (VERSION=, IMAGE=, CHARTS=)
	@$(BUILD_RELEASE) publish -C '$(CURDIR)' -version '$(VERSION)' -repository '$(IMAGE)' -charts '$(CHARTS)' -out '$(DIST)'

.PHONY: release-notes
release-notes: ## Print what CHANGELOG.md says about VERSION
	@$(BUILD_RELEASE) notes -C '$(CURDIR)' -version '$(VERSION)'

.PHONY: test-image
test-image: ## Build the image twice, in two places: the same digest; and run it (compiles all from nothing, once)
	@echo '==> go test ./hack/image ./test/image'
	@cd hack/image && $(GOTEST_PLAIN) ./...
	@cd test/image && go test -count=1 -timeout=60m ./...
