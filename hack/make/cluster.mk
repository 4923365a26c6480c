# A whole cluster of one node on this machine. It needs Linux, root and Debian's packages
# containerd, runc, containernetworking-plugins and iptables; elsewhere it says so.

HELM := $(TOOLS)/helm

##@ Cluster

.PHONY: cluster
cluster: ## Start a whole Kubernetes cluster with the image in it, to install the chart in (Linux, root)
	@go run ./hack/cluster check
	@$(MAKE) image
	@go run ./hack/cluster start '$(IMAGE_DIR).tar'

.PHONY: cluster-load
cluster-load: ## Build the image again and give it to the cluster
	@$(MAKE) image
	@go run ./hack/cluster load '$(IMAGE_DIR).tar'

.PHONY: cluster-stop
cluster-stop: ## Stop the cluster, and leave nothing behind
	@go run ./hack/cluster stop

# Says loudly that tests are left out; in CI they must not be. No race detector: what
# is tested runs in pods.
.PHONY: test-cluster
test-cluster: ## The chart and the image on a whole cluster: install, kill, drain, upgrade, uninstall (Linux, root)
	@go run ./hack/cluster check || { \
		echo '==> NO CLUSTER: the tests on a whole cluster are SKIPPED' >&2; \
		[ "$$CI" != true ]; \
		exit; \
	}; \
	echo '==> go test ./test/cluster'; \
	cd test/cluster && go test -count=1 -timeout=30m -v ./...

# For who has no helm: make bin/tools/helm
$(HELM): test/cluster/go.mod test/cluster/go.sum
	@$(call tool,test/cluster,helm.sh/helm/v4/cmd/helm)
