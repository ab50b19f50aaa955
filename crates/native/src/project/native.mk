# Reads a project's Makefile.uk, and before it those of its libraries, and says what is in them: `make -f - APP_DIR=DIR [LIB_DIRS="DIR..."] [CONFIG_FILE=FILE]`.
# Lines of "PITH lib NAME DIR" and "PITH set VARIABLE VALUE" on standard output; all else there is the project's own.
.SUFFIXES:
MAKEFLAGS += --no-print-directory --no-builtin-rules
comma := ,
empty :=
space := $(empty) $(empty)
qstrip = $(strip $(subst ",,$(1)))
uppercase = $(shell printf %s '$(1)' | tr 'a-z-' 'A-Z_')
ifneq ($(CONFIG_FILE),)
include $(CONFIG_FILE)
endif
UK_LIBS :=
UK_LIBS-y :=
define _addlib
$(call uppercase,$(1))_BASE ?= $(_dir)
$(call uppercase,$(1))_BUILD ?= $(BUILD_DIR)/$(1)
UK_LIBS += $(1)
endef
addlib = $(eval $(call _addlib,$(strip $(1))))
addlib_s = $(if $(filter y,$(2)),$(call addlib,$(1)))
addlib_paramprefix =
_refused = $(error $(1) is not supported: put the sources into the project and list them in $(strip $(2))_SRCS-y)
fetch = $(call _refused,fetching sources from $(2),$(call uppercase,$(1)))
fetchas = $(call _refused,fetching sources from $(2),$(call uppercase,$(1)))
fetch2 = $(call _refused,fetching sources from $(2),$(call uppercase,$(1)))
patch = $(call _refused,patching fetched sources,$(call uppercase,$(1)))
unarchive = $(call _refused,unpacking sources,$(call uppercase,$(1)))
.PHONY: pith-said
define _read
_dir := $(1)
include $(1)/Makefile.uk
endef
$(foreach dir,$(LIB_DIRS) $(APP_DIR),$(eval $(call _read,$(dir))))
pith-said: ; @:
_told := SRCS OBJS CFLAGS CXXFLAGS ASFLAGS FLAGS CINCLUDES CXXINCLUDES ASINCLUDES INCLUDES LDFLAGS ALIBS
_patterns := $(_told) $(addsuffix -y,$(_told)) $(addprefix %_,$(_told)) $(addprefix %_,$(addsuffix -y,$(_told)))
$(foreach lib,$(UK_LIBS),$(info PITH lib $(lib) $($(call uppercase,$(lib))_BASE)))
$(foreach name,$(sort $(filter $(_patterns),$(.VARIABLES))),$(if $(filter file override,$(origin $(name))),$(info PITH set $(name) $($(name)))))
