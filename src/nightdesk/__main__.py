from nightdesk.cli import main

main()
