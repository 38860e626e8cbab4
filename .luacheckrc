std = 'luajit'
max_line_length = 132
cache = false
exclude_files = { 'build/**', '.deps/**' }
files['spec'] = { std = 'luajit+busted' }
files['spec/golden'] = { max_line_length = false }
files['spec/golden'].ignore = { '211' } -- each case carries the same helpers, used or not
