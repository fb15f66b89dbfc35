def write_card(name, folder): pass
