##@ Install

.PHONY: chart
chart: ## Write the CRDs and the rules of roles into charts/bucketcors
	@hack/chart.sh

.PHONY: test-install
test-install: $(KUSTOMIZE) bin/tools/kube-score ## The chart, config/default and dist/install.yaml on a real API server, with Helm's own library
	@echo '==> go test ./test/install'
	@cd test/install && $(GOTEST_PLAIN) ./...

KUBE_SCORE := $(TOOLS)/kube-score

$(KUBE_SCORE): hack/tools/kube-score/go.mod hack/tools/kube-score/go.sum
	@$(call tool,hack/tools/kube-score,github.com/zegl/kube-score/cmd/kube-score)
