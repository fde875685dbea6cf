# Source this file (bash or zsh): `source activate.sh`. Afterwards `pulumi` is this project's, `python` that of .venv, and plain
# `pulumi preview`, `up`, `stack output`, `destroy` with `-s local` work as themselves. `deactivate` takes it all back.
#
# What it sets, unless you have set it: PULUMI_BACKEND_URL (the state lies in .hepburst/state), PULUMI_CONFIG_PASSPHRASE (empty:
# the stack `local` holds no secrets; set your own before you keep any), and, with an engine built here, PULUMI_HOME and
# PULUMI_SKIP_UPDATE_CHECK. PATH gets .venv/bin and, if it was built here, the engine. HEPBURST_PROJECT says whose all this is.
if typeset -f _hepburst_deactivate >/dev/null; then
  _hepburst_deactivate # of this project or of another copy: two on top of each other could not be told apart
fi
if [ -n "${ZSH_VERSION:-}" ]; then
  eval '_hepburst_folder="${${(%):-%x}:A:h}"'
else
  _hepburst_folder="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
fi
if _hepburst_commands="$(cd "$_hepburst_folder" && python3 -m engine activation)"; then
  eval "$_hepburst_commands"
  unset _hepburst_folder _hepburst_commands
else
  unset _hepburst_folder _hepburst_commands
  false
fi
